"""Makes the report of a training set at the end of the run that made it. Without a report the set is as good."""

from __future__ import annotations

from collections.abc import Callable

from job.errors import CurateError, printable, quoted
from job.output.folder import OutputFolder
from job.output.lock.ownership import sole_owner
from job.output.nearby import REPORTS
from job.output.training_set.plan import SetPlan


def report_finished_set(output: OutputFolder, plan: SetPlan, say: Callable[[str], None]) -> None:
    """Makes the report of a training set that has just been finished. When that fails, it is said, and no error.

    Args:
        output: its folder, which the caller owns.
        plan: its plan.
        say: called with each line that a user should see.
    """
    from job.report.make import write_set_report  # templates take a while to import, and mostly nothing is to be made

    try:
        write_set_report(output, plan)
    except (CurateError, OSError, ValueError, RuntimeError) as error:
        _say_why(output, error, say)
    finally:
        output.clear_temporary()


def report_again(output: OutputFolder, plan: SetPlan, say: Callable[[str], None]) -> None:
    """Makes the report of a complete training set that has none, or not all of it; see `report_finished_set`."""
    if output.store.top().issuperset(REPORTS):
        return
    try:
        with sole_owner(output, say):
            report_finished_set(output, plan, say)
    except CurateError as error:  # somebody else is at work there, or nothing can be written
        _say_why(output, error, say)


def _say_why(output: OutputFolder, error: Exception, say: Callable[[str], None]) -> None:
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    say(f"the training set is complete, but its report could not be made: {printable(why)}")
    say(f"to try again: curate report {quoted(output.root)}")
