"""What a job tolerates: how many malformed rows, and whether damaged parts of files are left out."""

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
"""Malformed rows that any share allows, so that one bad row does not end a small job; but no more than half of them."""
_CAUSES_SHOWN = 3
_DAMAGES_SHOWN = 5


def check_malformed(output: OutputFolder, category: str, records: Sequence[Record], max_malformed: float) -> None:
    """Compares a category's malformed rows with the limit.

    Args:
        output: the output folder, for the message.
        category: the category.
        records: records of its finished partitions. A count can be compared at any time, a share when all are finished.
        max_malformed: a whole number is a count, a fraction is a share of the rows.

    Raises:
        MalformedLimitError: when the limit is exceeded.
    """
    malformed = sum(record.funnel.get(MALFORMED, 0) for record in records)
    rows = sum(record.num_rows for record in records)
    share = Fraction(str(max_malformed)) * rows  # 0.29 of 100 is 29, and not 28 as in binary fractions
    floor = min(_LEAST_ROWS, rows // 2)
    allowed = max_malformed if isinstance(max_malformed, int) else max(floor, int(share))
    if malformed > allowed and malformed * 2 > rows:  # the file is at fault: to accept them would throw it away
        which = "every row is malformed" if malformed == rows else f"{malformed:,} of {rows:,} rows are malformed"
        raise MalformedLimitError(
            f"{category}: {which}: is it JSONL, one object in each line?\n"
            f"{_worst(output, records)}"
            f"to see them: curate rejects {quoted(output.root)}; then correct the file, and start again with --fresh"
        )
    if malformed > allowed:
        raise MalformedLimitError(
            f"{category}: {malformed:,} of {rows:,} rows are malformed, and max_malformed allows {allowed:,}\n"
            f"{_worst(output, records)}"
            f"finished work is kept; to see them: curate rejects {quoted(output.root)}\n"
            f"to accept them, run the same command again with --set max_malformed={malformed}"
        )


def _worst(output: OutputFolder, records: Sequence[Record]) -> str:
    """Returns the most frequent causes, one line each with an example, and how many more there are."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for record in records:
        if record.rejects is None:
            continue
        try:
            rejects = output.table(record.rejects, ["file", "position", "cause"])
        except CurateError:
            continue  # the message is about something else; `curate verify` reports this
        for row in rejects.to_pylist():
            kind = re.sub(r"[0-9]+", "N", row["cause"])
            counts[kind] += 1
            examples.setdefault(kind, f"{row['cause']}, such as {row['file']} at {row['position']}")
    lines = [f"  {count:,}: {examples[kind]}\n" for kind, count in counts.most_common(_CAUSES_SHOWN)]
    if len(counts) > _CAUSES_SHOWN:
        others = [count for _, count in counts.most_common()[_CAUSES_SHOWN:]]
        lines.append(
            f"  {sum(others):,}: {len(others):,} more causes\n"
            if len(others) > 1
            else f"  {others[0]:,}: 1 more cause\n"
        )
    return "".join(lines)


def check_damage(config: JobConfig, damage: Sequence[Damage]) -> None:
    """Raises when parts of source files were damaged, unless the job is to leave them out.

    Args:
        config: the job.
        damage: the damaged parts.

    Raises:
        CurateError: when there are any.
    """
    if config.skip_damaged_files or not damage:
        return
    advice = "repair the files and run the same command again, or leave these rows out: --skip-damaged-files"
    if any(each.cut_off is True for each in damage):
        # A whole file has another size, so it makes another job.
        advice = "fetch the files again and start again with --fresh, or take what is whole: --skip-damaged-files"
    raise CurateError("\n".join(damage_lines(damage)) + f"\neverything else is done and kept; {advice}")


def damage_lines(damage: Sequence[Damage]) -> list[str]:
    """Returns what is damaged, one line each; of many, the first few."""
    lines = [each.cause for each in damage]
    more = len(lines) - _DAMAGES_SHOWN
    return lines[:_DAMAGES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
