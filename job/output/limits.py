"""What a job puts up with: how many malformed rows, and whether damaged files are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from job.config.models import JobConfig
from job.errors import CurateError, MalformedLimitError, quoted
from job.output.folder import OutputFolder
from job.output.records import Damage, Record
from job.recipe.verdicts import MALFORMED

_LEAST_ROWS = 10
"""A share is never fewer rows than this, so that one bad row does not end a small job."""
_CAUSES_SHOWN = 3
_DAMAGES_SHOWN = 5


def check_malformed(output: OutputFolder, category: str, records: Sequence[Record], max_malformed: float) -> None:
    """Compares a category's malformed rows with what is put up with.

    Args:
        output: the output folder, for the message.
        category: whose rows.
        records: of its finished partitions. A count may be compared as soon as some are; a share when all are.
        max_malformed: a whole number is a count, a fraction a share of the rows.

    Raises:
        MalformedBudgetError: when there are more.
    """
    malformed = sum(record.funnel.get(MALFORMED, 0) for record in records)
    rows = sum(record.num_rows for record in records)
    share = Fraction(str(max_malformed)) * rows  # 0.29 of 100 is 29, and not 28 as in binary fractions
    allowed = max_malformed if isinstance(max_malformed, int) else max(_LEAST_ROWS, int(share))
    if rows and malformed == rows and not isinstance(max_malformed, int):
        raise MalformedLimitError(
            f"{category}: every row is malformed: is it JSONL, one object in each line?\n"
            f"{_worst(output, records)}"
            f"to see them: curate rejects {quoted(output.root)}; then mend the file, and begin anew with --fresh"
        )
    if malformed > allowed:
        raise MalformedLimitError(
            f"{category}: {malformed:,} of {rows:,} rows are malformed, and max_malformed allows {allowed:,}\n"
            f"{_worst(output, records)}"
            f"all that was done is kept; to see them: curate rejects {quoted(output.root)}\n"
            f"to put up with them, run the same command again with --set max_malformed={malformed}"
        )


def _worst(output: OutputFolder, records: Sequence[Record]) -> str:
    """Returns the most frequent causes, a line each with an example."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for record in records:
        if record.rejects is None:
            continue
        try:
            rejects = output.table(record.rejects, ["file", "position", "cause"])
        except CurateError:
            continue  # the message is of something else; `curate verify` finds this
        for row in rejects.to_pylist():
            kind = re.sub(r"[0-9]+", "N", row["cause"])
            counts[kind] += 1
            examples.setdefault(kind, f"{row['cause']}, such as {row['file']} at {row['position']}")
    return "".join(f"  {count:,}: {examples[kind]}\n" for kind, count in counts.most_common(_CAUSES_SHOWN))


def check_damage(config: JobConfig, damage: Sequence[Damage]) -> None:
    """Raises unless nothing of a source's files was damaged, or that is put up with.

    Args:
        config: the job.
        damage: what was left out.

    Raises:
        CurateError: when something was.
    """
    if config.skip_damaged_files or not damage:
        return
    raise CurateError(
        "\n".join(damage_lines(damage)) + "\nall else is done and kept; mend the files and run the same command again, "
        "or go on without these rows: --skip-damaged-files"
    )


def damage_lines(damage: Sequence[Damage]) -> list[str]:
    """Says what is damaged, a line each, of many only the first."""
    lines = [each.cause for each in damage]
    more = len(lines) - _DAMAGES_SHOWN
    return lines[:_DAMAGES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
