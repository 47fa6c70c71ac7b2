"""A joined Ray that loses a node says so, and one that loses its head ends the run soon; nothing is lost."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.local.nodes import Cluster
from tests.conftest import Curate
from tests.whole.test_nodes import at_work, done, ended, started, until

pytestmark = pytest.mark.slow

SLOW = ["--set", "batch_size=4"]
"""Slow enough for these tests."""
ENDED_S = 15.0
"""Seconds that a busy machine may take to notice, and to end the process."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of two nodes, of which one is going to be lost."""
    two_nodes = Cluster.started(2)
    yield two_nodes
    two_nodes.stop()


def goes_on(source: Path, output: Path, curate: Curate) -> None:
    """Checks that what was finished is kept, and that the same command on this machine goes on from there."""
    before = done(output)
    assert before > 0
    again = curate("run", "--source", source, "--output", output, *SLOW, "--json")
    assert again.exit_code == 0, again.err
    assert json.loads(again.out)["new_partitions"] == 5 - before


def test_a_lost_node_is_said_at_once_at_the_end_and_in_the_status(
    cluster: Cluster, jsonl_only: Path, tmp_path: Path, curate: Curate
) -> None:
    output = tmp_path / "out"
    victim = cluster.nodes[-1].number
    run = started(cluster, "run", "--source", jsonl_only, "--output", output, *SLOW, RAY_ADDRESS=cluster.address)
    until(lambda: done(output) and victim in at_work(cluster), run)
    cluster.kill_node(victim)
    out, err = ended(run)
    (line,) = [line for line in err.splitlines() if line.startswith("lost: ")]
    assert line.startswith("lost: node ")
    assert line.endswith(" of this Ray; others do again what it was working on")
    assert line in out.splitlines()
    assert json.loads((output / "_run.json").read_bytes())["lost_nodes"] == [line]
    assert line in curate("status", output).out.splitlines()


@pytest.mark.parametrize(
    ("what", "words", "most_s"),
    [("gcs_server", "the head of this Ray has not answered for ", 30.0), ("all", "has died", 5.0)],
)
def test_a_lost_head_ends_the_run_with_one_error(
    what: str, words: str, most_s: float, cluster: Cluster, jsonl_only: Path, tmp_path: Path, curate: Curate
) -> None:
    """Its control service hangs, or the whole head dies, which is on the driver's machine."""
    output = tmp_path / "out"
    run = started(cluster, "run", "--source", jsonl_only, "--output", output, *SLOW, RAY_ADDRESS=cluster.address)
    until(lambda: done(output) > 0, run)
    if what == "all":
        cluster.kill_node(1)
    else:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == what and str(cluster.folder) in " ".join(process.cmdline()):
                    process.suspend()  # if it were killed, its node would end itself
    began = time.monotonic()
    _, err = ended(run, 1)
    took_s = time.monotonic() - began
    assert took_s < most_s + ENDED_S, err
    errors = err[err.index("error: ") :].splitlines()
    assert len(errors) == 2, err
    assert words in errors[0]
    assert errors[1] == "what was finished is kept: when Ray is up again, run the same command again to go on"
    goes_on(jsonl_only, output, curate)
