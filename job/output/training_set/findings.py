"""What was found out about the finished rows of a training set: leaks, label conflicts, and the mix of each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from job.selection.conflicts import Conflicts
from job.selection.leaks import LeakedRow, LeakKind, Leaks
from job.selection.mix import Mix

NUM_EXAMPLES = 5
"""Number of examples of each kind that a manifest has."""
BY: Mapping[LeakKind, str] = {
    "id": "by id",
    "title": "by title",
    "text": "by text",
    "prompt": "by prompt",
    "near": "nearly",
}
"""Words for each kind of leak."""


class SplitLeaks(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a split that are in train, too."""

    counts: Leaks
    examples: dict[LeakKind, list[LeakedRow]]
    """The first rows of each kind."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about the rows of a set."""

    leaks: dict[str, SplitLeaks]
    """By split: of validation and test, those that there are, in this order."""
    near_threshold: float
    """Jaccard similarity from which two texts are nearly the same."""
    conflicts: Conflicts | None
    """Equal prompts with different prices; None without prices. Rows are counted over all splits, in their order."""
    mix: Mix | None
    """Shares of the sample and of each split."""


def leaks_line(leaks: Mapping[str, SplitLeaks]) -> str:
    """Returns in one line how many rows of each split are in train."""
    if not leaks:
        return "leaks: none, as there is neither a validation nor a test split"
    clean = [f"{name} ({each.counts.rows:,})" for name, each in leaks.items() if not each.counts.any]
    words = [f"no row of {' or '.join(clean)} is in train"] if clean else []
    words += [_split_words(name, each.counts) for name, each in leaks.items() if each.counts.any]
    return f"leaks: {'; '.join(words)}"


def _split_words(name: str, counts: Leaks) -> str:
    kinds = [f"{count:,} {said}" for kind, said in BY.items() if (count := getattr(counts, kind))]
    verb = "is" if counts.any == 1 else "are"
    return f"{counts.any:,} of {counts.rows:,} rows of {name} {verb} in train ({', '.join(kinds)})"


def conflicts_line(conflicts: Conflicts | None) -> str:
    """Returns in one line what equal prompts with different prices cost."""
    if conflicts is None:
        return "label conflicts: none, as there are no prices"
    if not conflicts.groups:
        return "label conflicts: no prompt has more than one price"
    prompts = "1 prompt has" if conflicts.groups == 1 else f"{conflicts.groups:,} prompts have"
    return (
        f"label conflicts: {prompts} more than one price, in {conflicts.rows:,} rows; "
        f"no model errs by less than ${conflicts.mean_absolute_error:,.2f} on average there"
    )


def mix_line(mix: Mix) -> str | None:
    """Returns in one line where a split is farthest from the sample; None without a split."""
    if not mix.splits:
        return None
    name, most = max(
        ((name, split.largest_difference) for name, split in mix.splits.items()),
        key=lambda pair: abs(pair[1].split - pair[1].sample),
    )
    return f"mix: farthest from the sample is {name}, with {most.split:.1%} of {most.of} in place of {most.sample:.1%}"


def finding_lines(findings: Findings) -> Iterator[str]:
    """Yields what was found, a line for each: leaks, label conflicts, the mix."""
    yield leaks_line(findings.leaks)
    yield conflicts_line(findings.conflicts)
    if findings.mix is not None and (line := mix_line(findings.mix)) is not None:
        yield line
