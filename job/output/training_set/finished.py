"""Opens a finished training set."""

from __future__ import annotations

from pathlib import Path

from job.errors import UsageError, quoted
from job.output.folder import OutputFolder, open_set
from job.output.training_set.plan import SetPlan
from job.output.training_set.totals import SetManifest


def open_finished(root: Path | str) -> tuple[OutputFolder, SetPlan, SetManifest]:
    """Opens a finished training set.

    Args:
        root: its path or address.

    Returns:
        Its folder, plan and manifest.

    Raises:
        UsageError: when there is none, or it is not complete.
    """
    output, plan = open_set(root)
    manifest = output.set_manifest()
    if manifest is None:
        raise UsageError(
            f"the training set in {output.root} is not complete\n"
            f"to finish it, run the same `curate craft` again; how far it is: curate status {quoted(output.root)}"
        )
    return output, plan, manifest
