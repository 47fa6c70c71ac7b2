"""Exports a training set, or items: check ► count tokens, if asked for ► write each split ► say what is there."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from job.errors import UsageError
from job.export.form import Form
from job.export.lengths import Lengths, lengths
from job.export.registry import form_for
from job.export.source import Source, open_source
from job.export.target import NOTE, Export, ExportedFile, check_apart, earlier_export
from job.export.write import write_split
from job.output.folder import OutputFolder, output_at
from job.output.lock.ownership import sole_owner
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import COMPLETION, PROMPT
from job.progress.display import progress_display
from job.progress.snapshots import Step
from job.storage.patience import outages_said

TooLong = Literal["drop", "fail"]
"""What to do about rows that are too long: leave them out, or export nothing."""
_BYTES_PER_BYTE = 4
"""Most bytes of a form for each byte of the compressed shards, about."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """How it ended."""

    export: Export
    form: Form
    splits: tuple[str, ...]
    """Splits, or categories of items, that have a file."""
    was_complete: bool
    """Whether it was there before, so that there was nothing to do."""
    lengths: Lengths | None
    """What was found out about tokens; None when nothing was looked at, as when there was nothing to do."""


def export(
    source: str,
    form: str,
    output: str,
    *,
    max_length: int | None = None,
    too_long: TooLong | None = None,
    quiet: bool = False,
    say: Say = lambda _: None,
) -> Exported:
    """Writes a training set in the form of a trainer, or items as JSON Lines.

    Args:
        source: path or address of a finished training set, or of finished items.
        form: name of the form.
        output: path or address of the folder to write to.
        max_length: tokens that prompt and completion together may have; they are counted only when it is given.
        too_long: what to do about rows with more; nothing is exported unless it is `drop`.
        quiet: show no progress.
        say: called with each line that a user should see.

    Raises:
        CurateError: its subclasses say what can go wrong. No half file is left.
    """
    with outages_said(say):
        opened = open_source(source)
        made = form_for(form, opened.folder, opened.plan)
        folder = _target(output)
        check_apart(folder, opened)
        if isinstance(opened.plan, SetPlan):
            for warning in opened.plan.warnings:
                say(f"mind: {warning}")
        elif max_length is not None:
            raise UsageError("tokens are counted in training examples, and items are none: leave out --max-length")
        wanted = Export(
            form=made.name,
            source=str(opened.folder.root),
            source_digest=opened.digest,
            dropped_above=max_length if too_long == "drop" else None,
        )
        before = earlier_export(folder, wanted)
        if before is not None and (max_length is None or too_long == "drop"):
            return _outcome(made, before, was_complete=True)
        found = None
        with progress_display(quiet=quiet) as show:
            if max_length is not None or {PROMPT, COMPLETION} <= {*made.columns}:
                title = "comparing tokens" if max_length is None else "counting tokens"
                with _step(show, title, sum(opened.num_rows.values())) as at:
                    found = lengths(opened, max_length, at)
                _check_lengths(found, max_length, too_long, opened.num_rows, say)
            if before is not None:
                return _outcome(made, before, was_complete=True, found=found)
            size = sum(shard.size_bytes for shards in opened.parts.values() for shard in shards)
            folder.store.check_room(size * _BYTES_PER_BYTE)
            with sole_owner(folder, say):
                earlier_export(folder, wanted)  # again, now that nobody else can change it
                folder.clear_temporary()
                folder.write_json(NOTE, wanted)
                done = msgspec.structs.replace(wanted, files=_written(made, opened, folder, found, wanted, show))
                folder.write_json(NOTE, done)
                folder.clear_temporary()
        return _outcome(made, done, was_complete=False, found=found)


def _target(text: str) -> OutputFolder:
    folder = output_at(text)
    return OutputFolder(folder.root.absolute()) if isinstance(folder.root, Path) else folder


def _outcome(form: Form, done: Export, *, was_complete: bool, found: Lengths | None = None) -> Exported:
    suffix = form.file_name("")
    splits = tuple(file.path.removesuffix(suffix) for file in done.files or () if file.num_rows is not None)
    return Exported(export=done, form=form, splits=splits, was_complete=was_complete, lengths=found)


@contextlib.contextmanager
def _step(show: Callable[[Step], None], title: str, total: int) -> Generator[Callable[[int], None]]:
    began = time.monotonic()
    yield lambda done: show(Step(title, "rows", total, done, time.monotonic() - began))


def _check_lengths(
    found: Lengths, max_length: int | None, too_long: TooLong | None, num_rows: Mapping[str, int], say: Say
) -> None:
    """Says what was found, and raises UsageError when there are rows that are too long and may not be left out."""
    total = sum(num_rows.values())
    if found.apart:
        say(
            f"mind: in {found.apart:,} of {total:,} rows the prompt's tokens are not the first tokens of prompt and "
            "completion together, so a trainer may learn from a part of the prompt, or not from all of the completion"
        )
    if max_length is None:
        return
    if not found.too_long:
        say(f"no row has more than {max_length:,} tokens; the longest has {found.longest:,}")
        return
    by_split = ", ".join(f"{count:,} of {num_rows[name]:,} in {name}" for name, count in found.too_long.items())
    said = f"{sum(found.too_long.values()):,} of {total:,} rows have more than {max_length:,} tokens: {by_split}"
    if too_long != "drop":
        raise UsageError(
            f"{said}; the longest has {found.longest:,}\n"
            f"nothing was exported; leave these rows out with --too-long drop, or allow them: "
            f"--max-length {found.longest}"
        )
    if sum(found.too_long.values()) == total:
        raise UsageError(f"{said}\nnothing is left to export; allow more: --max-length {found.longest}")
    say(f"{said}; they are left out")


def _written(
    form: Form,
    source: Source,
    folder: OutputFolder,
    found: Lengths | None,
    wanted: Export,
    show: Callable[[Step], None],
) -> list[ExportedFile]:
    """Writes all files. Returns what they are, the splits first."""
    files: list[ExportedFile] = []
    total, before = sum(source.num_rows.values()), 0
    with _step(show, "writing", total) as at:
        for name, count in source.num_rows.items():
            is_left_out = None if found is None or wanted.dropped_above is None else found.is_too_long[name]
            if is_left_out is None or not is_left_out.all():
                begun = before
                files.append(write_split(form, source, name, folder, is_left_out, lambda done, to=begun: at(to + done)))
            before += count
            at(before)
    suffix = form.file_name("")
    for name, content in form.other_files([file.path.removesuffix(suffix) for file in files]).items():
        folder.write(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(ExportedFile(path=name, num_rows=None, size_bytes=len(content), sha256=sha256))
    return files
