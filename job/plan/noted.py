"""Notes in the output folder that a run began and how it ended, for `curate status` and the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence

import msgspec

from job.errors import CurateError, DeniedError, as_curate_error
from job.output.folder import LAST_RUN
from job.output.records import LastRun
from job.plan.work import CategoryWork, Run
from job.storage.patience import end_patience


@contextlib.contextmanager
def noted(run: Run, begun: LastRun, works: Sequence[CategoryWork]) -> Generator[None]:
    """Notes a run that lasts as long as the context.

    Args:
        run: the run, which owns the output folder.
        begun: what to note at its begin; the rows are counted here.
        works: the work on each of its categories.
    """
    rows_before = _rows(works)
    note = msgspec.structs.replace(begun, rows_before=rows_before)
    run.output.write_json(LAST_RUN, note)
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        end_patience()
        if isinstance(raised, KeyboardInterrupt):
            error = "it was interrupted"
        else:
            known = as_curate_error(raised)
            refused = known.at_work() if isinstance(known, DeniedError) else None  # at the start it is wrong input
            error = str(refused or known or f"{type(raised).__name__}: {raised}".removesuffix(": "))
            if refused is not None:
                raise refused from None
        raise
    finally:
        ended = msgspec.structs.replace(
            note,
            ended=time.time(),
            error=error,
            num_rows=_rows(works) - rows_before,
            lost_nodes=run.lost_nodes or msgspec.UNSET,
        )
        with contextlib.suppress(CurateError):  # the disk may be full
            run.output.write_json(LAST_RUN, ended)
        run.output.clear_temporary()


def _rows(works: Sequence[CategoryWork]) -> int:
    """Returns how many rows are known to be finished."""
    return sum(record.num_rows for work in works for record in work.records.values())
