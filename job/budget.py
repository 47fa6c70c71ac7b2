"""How many malformed rows a job puts up with."""

from __future__ import annotations

from collections.abc import Sequence

from job.errors import MalformedBudgetError, quoted
from job.manifest import OutputFolder, Record
from job.recipe.verdict import MALFORMED

_LEAST_ROWS = 10
"""A share is never fewer rows than this, so that one bad row does not end a small job."""


def check_budget(output: OutputFolder, category: str, records: Sequence[Record], max_malformed: float) -> None:
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
    allowed = max_malformed if isinstance(max_malformed, int) else max(_LEAST_ROWS, int(max_malformed * rows))
    if rows and malformed == rows and not isinstance(max_malformed, int):
        raise MalformedBudgetError(
            f"{category}: every row is malformed: is it JSONL, one object in each line?\n"
            f"to see them: curate rejects {quoted(output.root)}; then mend the file, and begin anew with --fresh"
        )
    if malformed > allowed:
        raise MalformedBudgetError(
            f"{category}: {malformed:,} of {rows:,} rows are malformed, and max_malformed allows {allowed:,}\n"
            f"all that was done is kept; to see them: curate rejects {quoted(output.root)}\n"
            f"to put up with them, run the same command again with --set max_malformed={malformed}"
        )
