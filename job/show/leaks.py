"""Text about the leaks and label conflicts of a training set: counts, and rows as examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET

from job.errors import UsageError, printable, quoted
from job.gather.checks import check_nodes
from job.gather.working import Say, working
from job.output.folder import OutputFolder, open_set
from job.output.training_set.findings import (
    BY,
    NUM_EXAMPLES,
    Findings,
    SplitLeaks,
    conflicts_line,
    leaks_line,
)
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import ID, PRICE, PROMPT, TITLE, text_column
from job.progress.steps import steps
from job.selection.conflicts import Conflicts
from job.selection.decision import SPLITS
from job.selection.leaks import LeakKind
from job.selection.near import jaccard
from job.show.training_set import rows
from job.storage.patience import outages_said

_TITLE_CHARS = 60
"""Characters of a title or a prompt that an example shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLeaks:
    """What was found in a training set."""

    output: OutputFolder
    plan: SetPlan
    found: Findings
    num_examples: int
    """Examples of each kind to show, at most."""


def set_leaks(
    root: Path | str,
    *,
    near: bool = False,
    examples: int = NUM_EXAMPLES,
    workers: int | Literal["all"] = "all",
    say: Say = lambda _: None,
    quiet: bool = False,
) -> SetLeaks:
    """Finds the leaks and label conflicts of a training set; without Ray where its manifest has all that is asked for.

    Args:
        root: its folder or address.
        near: look for near duplicates too.
        examples: examples of each kind, at most.
        workers: how many cores work at once.
        say: called with each line that a user should see.
        quiet: show no progress.

    Raises:
        UsageError: when it is no training set, or not complete.
        CurateError: when its rows cannot be read.
    """
    with outages_said(say):
        output, plan = open_set(root)
        manifest = output.set_manifest()
        is_whole = all(len(output.records(part)) == part.count for part in plan.sections())
        if manifest is None or not is_whole:
            raise UsageError(
                f"the training set in {output.root} is not complete, so its leaks are not known\n"
                "to finish it, run the same `curate craft` command again; how far it is: "
                f"curate status {quoted(output.root)}"
            )
        found = manifest.findings
        if found is UNSET or near or examples > NUM_EXAMPLES:
            threshold = float(manifest.settings["near_threshold"])
            found = _looked_for(output, plan, threshold, examples, workers, say, near=near, quiet=quiet)
        return SetLeaks(output=output, plan=plan, found=found, num_examples=examples)


def _looked_for(
    output: OutputFolder,
    plan: SetPlan,
    threshold: float,
    examples: int,
    workers: int | Literal["all"],
    say: Say,
    *,
    near: bool,
    quiet: bool,
) -> Findings:
    """Reads the rows of the set, and finds its leaks. Arguments are as for `set_leaks`."""
    with working(workers, lambda: check_nodes(output, None), say, []) as some, steps(quiet=quiet) as at:
        from job.gather.deciding import with_fewer
        from job.gather.findings import NO_NEAR, findings, near_pairs
        from job.gather.set_rows import SetRows, read_rows

        rows = SetRows.of_plan(output, plan)

        def show_read(done: int) -> None:
            at("reading rows", "rows", rows.count, done, 0)

        def show_compared(total: int, done: int) -> None:
            at("comparing texts", "pairs", total, done, 0)

        index = with_fewer(some, say, lambda these: read_rows(rows, these, threshold if near else None, show_read))
        pairs = NO_NEAR if plan.config["preset"] is None else None
        if near:
            pairs = with_fewer(some, say, lambda these: near_pairs(rows, index, threshold, these, show_compared))
        return findings(rows, index, near=pairs, near_threshold=threshold, mix=plan.mix, examples=examples)


def leak_lines(leaks: SetLeaks) -> Iterator[str]:
    """Yields what was found: the counts, then rows as examples, then what to type next."""
    found, out = leaks.found, printable(quoted(leaks.output.root), lines=True)
    for name, each in found.leaks.items():
        yield leaks_line({name: each})
    if not found.leaks:
        yield leaks_line({})
    if any(each.counts.near is None for each in found.leaks.values()):
        yield f"near duplicates were not looked for; to do so: curate leaks {out} --near"
    yield conflicts_line(found.conflicts)
    if (conflicts := found.conflicts) is not None and conflicts.groups:
        most, mean = conflicts.largest_difference, conflicts.mean_difference
        yield f"their highest and lowest prices are ${mean:,.2f} apart on average, and ${most:,.2f} at most"
    for split, each in found.leaks.items():
        yield from _leak_examples(leaks, split, each)
    if found.conflicts is not None and leaks.num_examples:
        yield from _conflict_examples(leaks, found.conflicts)


def _leak_examples(leaks: SetLeaks, split: str, found: SplitLeaks) -> Iterator[str]:
    for kind, said in BY.items():
        examples = found.examples.get(kind, [])[: leaks.num_examples]
        if not examples:
            continue
        count = getattr(found.counts, kind)
        first = f"the first {len(examples):,} of {count:,}" if count > len(examples) else f"all {count:,}"
        yield f"\nrows of {split} that are in {SPLITS[0]} {said}, {first if count > 1 else 'one'}:"
        for example in _pairs(leaks, split, found, kind):
            alike = f", {example['similarity']:.3f} alike" if "similarity" in example else ""
            yield f"  {_row_words(split, example['row'])}"
            yield f"    = {_row_words(SPLITS[0], example['train_row'])}{alike}"


def _conflict_examples(leaks: SetLeaks, found: Conflicts) -> Iterator[str]:
    examples = found.examples[: leaks.num_examples]
    if not examples:
        return
    yield "\nprompts with more than one price, those with the most rows first:"
    for example in examples:
        yield f"  {example.rows:,} rows, ${example.lowest:,.2f} to ${example.highest:,.2f}:"
        for split, row in _places(leaks, example.places):
            yield f"    {_row_words(split, row)}"


def leaks_json(leaks: SetLeaks) -> dict[str, Any]:
    """Returns what was found, for a program to read: counts, and rows as examples."""
    found = leaks.found
    conflicts: dict[str, Any] = {}
    if found.conflicts is not None:
        conflicts = msgspec.to_builtins(found.conflicts)
        conflicts["examples"] = [
            {
                "rows": each.rows,
                "lowest": each.lowest,
                "highest": each.highest,
                "examples": [{"split": split, **row} for split, row in _places(leaks, each.places)],
            }
            for each in found.conflicts.examples[: leaks.num_examples]
        ]
    return {
        "near_threshold": found.near_threshold,
        "leaks": {
            split: {
                **msgspec.to_builtins(each.counts),
                "examples": {kind: list(_pairs(leaks, split, each, kind)) for kind in each.examples},
            }
            for split, each in found.leaks.items()
        },
        "conflicts": conflicts or None,
    }


def _pairs(leaks: SetLeaks, split: str, found: SplitLeaks, kind: LeakKind) -> Iterator[dict[str, Any]]:
    """Yields the examples of a kind: the row, the one in train, and of near ones how similar they are."""
    for example in found.examples.get(kind, [])[: leaks.num_examples]:
        row, train_row = _row(leaks, split, example.row), _row(leaks, SPLITS[0], example.train_row)
        pair: dict[str, Any] = {"row": _told(example.row, row), "train_row": _told(example.train_row, train_row)}
        if kind == "near":
            text = text_column(leaks.plan.recipe)
            pair["similarity"] = float(jaccard([row[text], train_row[text]], np.array([0]), np.array([1]))[0])
        yield pair


def _places(leaks: SetLeaks, places: Sequence[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields rows by their place among all rows: the split, and what is told of the row."""
    for place in places:
        number = place
        for part in leaks.plan.splits():
            if number < part.num_rows:
                yield part.name, _told(number, _row(leaks, part.name, number))
                break
            number -= part.num_rows


def _row(leaks: SetLeaks, split: str, number: int) -> dict[str, Any]:
    return next(rows(leaks.output, leaks.plan, split, [number]))[1]


def _told(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is told of a row; its prompt where it has no title."""
    names = [name for name in (ID, TITLE if TITLE in row else PROMPT, PRICE) if name in row]
    return {"number": number, **{name: row[name] for name in names}}


def _row_words(split: str, told: Mapping[str, Any]) -> str:
    words = [f"{split} {told['number']:,}"]
    words += [f"id {told[ID]}"] if ID in told else []
    words += [f"${told[PRICE]:,}"] if told.get(PRICE) is not None else []
    text = str(told[TITLE] if TITLE in told else told[PROMPT])
    words.append(repr(text if len(text) <= _TITLE_CHARS else f"{text[:_TITLE_CHARS]}..."))
    return printable(" · ".join(words), lines=True)
