"""Makes the report of an output: counts its shards, and writes the page and the same numbers as JSON beside them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from job.errors import CurateError, UsageError, quoted
from job.output.folder import OutputFolder, open_any
from job.output.lock.ownership import sole_owner
from job.output.records import Plan, Record
from job.output.report_files import FIGURES, PAGE, check_replaceable, digest_in, sealed_page
from job.output.sealed import intact
from job.output.totals import Manifest
from job.output.training_set.plan import SetPlan
from job.output.training_set.totals import SetManifest
from job.report.figures.pairs import PairSums
from job.report.items.count import Columns, Counts, Shard
from job.report.items.figures import ItemsFigures, items_figures, shards_of
from job.report.items.gather import counts_by_ray, counts_here
from job.report.items.page import items_page
from job.report.page.parts import Page
from job.report.page.render import html
from job.report.sets.figures import SetFigures
from job.report.sets.gather import figures_of_set
from job.report.sets.page import set_page

_Figures = TypeVar("_Figures", bound=msgspec.Struct)
_Count = Callable[[OutputFolder, Sequence[Shard], Columns], tuple[Counts, PairSums]]
"""How shards are counted."""


def make_report(root: Path | str, say: Callable[[str], None]) -> str:
    """Makes the report of a complete output, in place of an older one.

    Args:
        root: the output folder.
        say: called with each line that a user should see.

    Returns:
        Path or address of the page.

    Raises:
        UsageError: when it is no output, is not complete, or cannot be written.
        RefusedError: when a run is working on it, or a file of the report's name is somebody else's.
        CurateError: when a shard cannot be read.
    """
    output, plan = open_any(root)
    if isinstance(output.root, Path):  # tasks have another working directory
        output = OutputFolder(output.root.absolute())
    with sole_owner(output, say):
        check_replaceable(output)
        try:
            if isinstance(plan, SetPlan):
                write_set_report(output, plan)
            else:
                figures = _figures(output, functools.partial(counts_by_ray, say=say))
                _write(output, items_page(figures), figures)
        finally:
            output.clear_temporary()
    return output.where(PAGE)


def write_set_report(output: OutputFolder, plan: SetPlan) -> None:
    """Writes the report of a complete training set. The caller owns the folder.

    Args:
        output: its folder.
        plan: its plan.

    Raises:
        UsageError: when it is not complete.
        RefusedError: when a file of the report's name is somebody else's.
        CurateError: when a shard cannot be read.
    """
    check_replaceable(output)
    manifest = output.set_manifest()
    if manifest is None:
        raise _incomplete(output)
    figures = figures_of_set(output, plan, manifest)
    _write(output, set_page(figures), figures)


def _write(output: OutputFolder, page: Page, figures: msgspec.Struct) -> None:
    output.write(PAGE, sealed_page(html(page)))
    output.write_json(FIGURES, figures)


def reported_figures(output: OutputFolder) -> ItemsFigures | None:
    """Returns the figures of an output's report; None where it has none, or one that is damaged or of other items."""
    return _reported(output, output.manifest(), ItemsFigures)


def reported_set_figures(output: OutputFolder) -> SetFigures | None:
    """Returns the same of a training set."""
    return _reported(output, output.set_manifest(), SetFigures)


def _reported(output: OutputFolder, manifest: Manifest | SetManifest | None, kind: type[_Figures]) -> _Figures | None:
    content = output.store.read(FIGURES)
    if manifest is None or content is None or digest_in(FIGURES, content) != manifest.content_digest:
        return None
    return intact(content, kind)


def figures_of(output: OutputFolder, say: Callable[[str], None], in_process_items: int = 0) -> ItemsFigures:
    """Returns the figures of a complete output: those of its report, if that is of its items, or else anew.

    Args:
        output: the output folder.
        say: called with each line that a user should see.
        in_process_items: items up to which they are counted in this process, without Ray.

    Raises:
        UsageError: when it is not complete.
        CurateError: when a shard cannot be read.
    """
    if (found := reported_figures(output)) is not None:
        return found
    manifest = output.manifest()
    is_small = manifest is not None and manifest.num_items <= in_process_items
    return _figures(output, counts_here if is_small else functools.partial(counts_by_ray, say=say))


def counts_of_rows(output: OutputFolder) -> ItemsFigures:
    """Returns the figures of a complete output that stand in its records: of rows, and none of what is in the items.

    Raises:
        UsageError: when it is not complete.
    """
    return _figures(output, lambda *_: (Counts(), PairSums()))


def _figures(output: OutputFolder, count: _Count) -> ItemsFigures:
    plan, manifest, records = _complete(output)
    counted = count(output, shards_of(plan, records), Columns.of(plan.description))
    return items_figures(plan, manifest, records, output.last_run(), counted)


def _complete(output: OutputFolder) -> tuple[Plan, Manifest, Mapping[str, Sequence[Record]]]:
    """Reads plan, manifest and records of an output, of which none may be missing."""
    plan, manifest = output.plan(), output.manifest()
    records = {} if plan is None else {name: output.records(each, lean=False) for name, each in plan.categories.items()}
    if plan is None or manifest is None:
        raise _incomplete(output)
    if any(len(records[name]) < len(each.partitions) for name, each in plan.categories.items()):
        raise CurateError(
            f"{output.root} is not intact, so it has no report\n"
            f"to see what is wrong: curate verify {quoted(output.root)}"
        )
    return plan, manifest, records


def _incomplete(output: OutputFolder) -> UsageError:
    return UsageError(
        f"{output.root} is not complete, so it has no report yet\n"
        f"to go on, run the same command again; how far it is: curate status {quoted(output.root)}"
    )
