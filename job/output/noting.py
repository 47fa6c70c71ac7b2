"""Notes in an output folder that a run began and how it ended, for `curate status` and the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Sequence

import msgspec

from job.errors import CurateError, DeniedError, UsageError, as_curate_error
from job.output.folder import LAST_RUN, PLAN, OutputFolder
from job.output.records import LastRun
from job.storage.patience import end_patience


@contextlib.contextmanager
def no_trace_of_mistakes(output: OutputFolder) -> Generator[None]:
    """Leaves an output folder as it was when the input turns out to be wrong before the plan is written.

    The whole input has to be read to know that a setting does not fit, which `noted` and the lock have to surround.
    """
    existed, plan, note = output.store.exists(), output.store.read(PLAN), output.store.read(LAST_RUN)
    try:
        yield
    except Exception as error:
        if isinstance(as_curate_error(error), UsageError) and output.store.read(PLAN) == plan:
            with contextlib.suppress(CurateError, OSError):
                if note is None:
                    output.store.remove([LAST_RUN])
                else:
                    output.write(LAST_RUN, note)
                    output.clear_temporary()
                if not existed:
                    output.store.remove_empty("")
        raise


@contextlib.contextmanager
def noted(
    output: OutputFolder, begun: LastRun, num_rows: Callable[[], int], lost_nodes: Sequence[str]
) -> Generator[None]:
    """Notes that a run began, and at the end of the context how it ended.

    Args:
        output: the output folder.
        begun: what to note at its begin; the rows are counted here.
        num_rows: returns how many rows are known to be finished.
        lost_nodes: a line about each node that was lost, by the end.

    Raises:
        CurateError: in place of the error that ended the run, where access was denied in the middle.
    """
    rows_before = num_rows()
    note = msgspec.structs.replace(begun, rows_before=rows_before)
    output.write_json(LAST_RUN, note)
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
            num_rows=num_rows() - rows_before,
            lost_nodes=list(lost_nodes) or msgspec.UNSET,
        )
        with contextlib.suppress(CurateError):  # the disk may be full
            output.write_json(LAST_RUN, ended)
        output.clear_temporary()
