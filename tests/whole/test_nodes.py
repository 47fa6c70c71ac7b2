"""On a real cluster of three nodes, a job makes the same shards as on one, whatever is killed or added meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.local.nodes import Cluster
from tests.conftest import Curate, shards
from tests.paths import ROOT
from tests.servers.hub import Hub

pytestmark = pytest.mark.seconds

DATASET = "McAuley-Lab/Amazon-Reviews-2023"
TOKEN = "hf_" + "s3cret" * 5
TASK = "ray::MapBatches"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A cluster of three nodes with one CPU each."""
    cluster = Cluster.started()
    yield cluster
    cluster.stop()
    assert [process for process in psutil.process_iter() if is_told_of(process, cluster.folder)] == []
    assert not cluster.folder.exists()


@pytest.fixture
def three_nodes(nodes: Cluster) -> Cluster:
    """The same cluster, with new nodes for those that an earlier test has killed."""
    for _ in range(3 - len(nodes.nodes)):
        nodes.start_node()
    nodes.wait()
    return nodes


def is_told_of(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return str(folder) in " ".join(process.cmdline())
    return False


@pytest.fixture(scope="module")
def source(jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with enough partitions to kill something while the job runs."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "Toys.jsonl").write_bytes((jsonl_only / "meta_Appliances.jsonl").read_bytes() * 8)
    return folder


@pytest.fixture
def of_one_node(
    source: Path, shared_ray: int, curate: Curate, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The shards that one node makes from the source."""
    output = tmp_path_factory.mktemp("one") / "out"
    assert curate("run", "--source", source, "--output", output, "--quiet").exit_code == 0
    return shards(output)


def started(cluster: Cluster, *arguments: object, here: Path = ROOT, **more: str) -> subprocess.Popen[str]:
    """Starts `curate ARGUMENTS` with the cluster's token in its environment."""
    environment = {**cluster.environment, "PYTHONPATH": str(here), "HF_TOKEN": TOKEN, **more}
    command = [sys.executable, "-m", "job", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def submitted(cluster: Cluster, source: Path, output: Path, *more: object) -> subprocess.Popen[str]:
    where = ["--source", source, "--output", output, "--address", cluster.dashboard]
    return started(cluster, "submit", *where, *more)


def ended(run: subprocess.Popen[str], exit_code: int = 0) -> tuple[str, str]:
    with run:
        out, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == exit_code, f"{out}\n{err}"
    assert "Traceback" not in out + err
    return out, err


def until(is_so: Callable[[], object], run: subprocess.Popen[str] | None = None) -> None:
    """Waits until a condition holds, while a run is still running."""
    late = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < late
        assert run is None or run.poll() is None, run.communicate()
        time.sleep(0.01)


def done(output: Path) -> int:
    return len(list((output / "_partitions").rglob("*.json")))


def at_work(cluster: Cluster) -> set[int]:
    """Returns the numbers of the nodes that are working on a partition at this moment."""
    numbers = {node.process: node.number for node in cluster.nodes}
    found: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            number = numbers.get(os.getsid(process.pid))
            if number is not None and " ".join(process.cmdline()).startswith(TASK):
                found.add(number)
    return found


def driver(cluster: Cluster) -> psutil.Process:
    """Returns the driver process of the one running job. Its working directory is below the head's folder."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            below_head = process.cwd().startswith(str(cluster.folder / "1"))
            if below_head and process.cmdline()[1:] == ["-m", "job", "run", "job.yaml"]:
                found.append(process)
    assert len(found) == 1
    return found[0]


def details(cluster: Cluster) -> str:
    """Returns everything that the cluster reports about its jobs."""
    return json.dumps(cluster.asked("/api/jobs/"))


def test_a_job_on_three_nodes_loses_one_and_makes_the_same(
    three_nodes: Cluster, source: Path, of_one_node: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    victim = three_nodes.nodes[-1].number
    run = submitted(three_nodes, source, output, "--job-id", f"loses-{victim}")
    until(lambda: done(output) > 1 and victim in at_work(three_nodes), run)
    three_nodes.kill_node(victim)
    assert len(done_before := shards(output)) < len(of_one_node)
    out, err = ended(run)
    assert "joining Ray at" in out
    assert "Toys: " in out  # the lines of progress
    assert f"loses-{victim} is done" in err
    assert shards(output) == of_one_node
    assert done_before.items() <= of_one_node.items()
    until(lambda: three_nodes.alive() == {node.number for node in three_nodes.nodes})
    told = details(three_nodes)
    assert f"loses-{victim}" in told
    assert TOKEN not in told + out + err


@pytest.mark.slow
def test_a_node_that_joins_late_gets_work(
    nodes: Cluster, source: Path, of_one_node: dict[str, bytes], tmp_path: Path
) -> None:
    """Both nodes work at the same time. Ray Data checks every 20 s how many CPUs there are."""
    for node in nodes.nodes[1:]:
        nodes.kill_node(node.number)
    nodes.wait()
    run = submitted(nodes, source, tmp_path / "out", "--set", "batch_size=4")  # slow enough for this test
    until(lambda: done(tmp_path / "out") > 0, run)
    late = nodes.start_node()
    together = 0
    while together < 20:  # often enough to rule out one task after another on different nodes
        until(lambda: at_work(nodes) == {1, late}, run)
        together += 1
    ended(run)
    assert shards(tmp_path / "out") == of_one_node


@pytest.mark.slow
def test_a_cluster_of_one_node_stores_nothing_of_the_hub_as_it_may_grow(
    nodes: Cluster, hub: Hub, catalogue: Path, tmp_path: Path, curate: Curate
) -> None:
    hub.put(DATASET, catalogue)
    for node in nodes.nodes[1:]:
        nodes.kill_node(node.number)
    nodes.wait()
    run = ["run", "--category", "Appliances", "--output", tmp_path / "out"]
    of_hub = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")}
    ended(started(nodes, *run, here=ROOT, RAY_ADDRESS=nodes.address, **of_hub))
    assert not [path for path in (tmp_path / "home").rglob("blobs/*") if path.stat().st_size > 1000]
    assert curate("run", "--source", catalogue, "--output", tmp_path / "here", "--quiet").exit_code == 0
    assert shards(tmp_path / "out") == shards(tmp_path / "here")


@pytest.mark.slow
def test_a_job_whose_driver_is_killed_resumes_when_it_is_submitted_again(
    three_nodes: Cluster, source: Path, of_one_node: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    run = submitted(three_nodes, source, output)
    until(lambda: done(output) > 1, run)
    driver(three_nodes).kill()
    _, err = ended(run, 1)
    assert "its driver was killed (signal 9); what was finished is kept: submit the same again to go on" in err
    finished = {path.name: path.stat().st_mtime_ns for path in (output / "_partitions").rglob("*.json")}
    assert 0 < len(finished) < len(of_one_node)
    ended(submitted(three_nodes, source, output))
    assert shards(output) == of_one_node
    again = {path.name: path.stat().st_mtime_ns for path in (output / "_partitions").rglob("*.json")}
    assert finished.items() <= again.items()


@pytest.mark.slow
def test_ctrl_c_leaves_the_job_running_and_it_can_be_followed_and_stopped(
    three_nodes: Cluster, source: Path, of_one_node: dict[str, bytes], tmp_path: Path, curate: Curate
) -> None:
    output, at = tmp_path / "out", ["--address", three_nodes.dashboard]
    run = submitted(
        three_nodes, source, output, "--job-id", "left", "--set", "batch_size=4"
    )  # slow enough for this test
    until(lambda: done(output) > 0, run)
    run.send_signal(signal.SIGINT)
    _, err = ended(run, 130)
    assert "left keeps running on the cluster" in err
    assert f"curate stop left --address {three_nodes.dashboard}" in err
    follower = started(three_nodes, "status", *at, "--job-id", "left", "--follow")
    out, _ = ended(started(three_nodes, "status", *at))
    assert out.startswith("left: running")
    before = done(output)
    until(lambda: done(output) > before, follower)
    ended(started(three_nodes, "stop", "left", *at))
    out, err = ended(follower, 130)
    assert "joining Ray at" in out  # from the beginning of the log
    assert "left was stopped" in err
    assert 0 < done(output) < len(of_one_node)
    assert "it was interrupted" in curate("status", output).out  # in good order
    out, _ = ended(started(three_nodes, "stop", "left", *at))
    assert out == "left had ended already\n"
    _, err = ended(submitted(three_nodes, source, output, "--job-id", "left"), 2)
    assert "the cluster has a job of this name already" in err
    ended(submitted(three_nodes, source, output))
    assert shards(output) == of_one_node


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "exit_code"),
    [(["--source", "/nowhere"], 2), (["--set", "max_malformed=0"], 3), (["--set", "recipe.max_price=50"], 4)],
)
def test_a_jobs_exit_code_comes_through(
    more: list[str], exit_code: int, three_nodes: Cluster, jsonl_only: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/Toys.jsonl").write_bytes(b"broken\n" + (jsonl_only / "meta_Appliances.jsonl").read_bytes())
    if exit_code == 4:
        ended(submitted(three_nodes, tmp_path / "in", tmp_path / "out"))
    out, err = ended(submitted(three_nodes, tmp_path / "in", tmp_path / "out", *more), exit_code)
    assert "error: " in out
    assert f"ended with exit code {exit_code}" in err


@pytest.mark.slow
def test_a_run_that_joins_takes_its_code_along(
    three_nodes: Cluster, source: Path, of_one_node: dict[str, bytes], tmp_path: Path
) -> None:
    """Each process of a copy of the program records where it has been imported from."""
    shutil.copytree(ROOT / "job", tmp_path / "here/job")
    sink = tmp_path / "here/job/sink.py"
    (tmp_path / "seen").mkdir()
    tells = f"\nimport os, pathlib\npathlib.Path(f'{tmp_path}/seen/{{os.getpid()}}').write_text(__file__)\n"
    sink.write_text(sink.read_text() + tells)
    joining = {"RAY_ADDRESS": three_nodes.address}
    where = ["--source", source, "--output", tmp_path / "out"]
    _, err = ended(started(three_nodes, "run", *where, here=tmp_path / "here", **joining))
    assert f"joining Ray at {three_nodes.address}" in err
    assert "starting Ray" not in err
    assert shards(tmp_path / "out") == of_one_node
    seen = [path.read_text() for path in (tmp_path / "seen").iterdir()]
    assert (
        len([path for path in seen if "runtime_resources" in path]) == len(seen) - 1
    )  # the driver imports it from here
    assert str(sink) in seen


@pytest.mark.slow
def test_the_settings_of_a_ray_of_our_own_do_not_outlast_it() -> None:
    code = """
import os
from job.cluster.start import started_ray
before = dict(os.environ)
with started_ray(1, lambda _: None):
    assert os.environ["RAY_AUTH_MODE"] == "token"
left = {name for name in os.environ.keys() - before if name.startswith("RAY_")}
print(*sorted(left - {"RAY_CLIENT_MODE", "RAY_DEDUP_LOGS_SKIP_REGEX"}))  # Ray sets the one, and we keep the other
"""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ran = subprocess.run([sys.executable, "-c", code], env=inherited, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "\n"), ran.stderr


def test_a_dashboards_address_is_not_joined_but_submitted_to(
    curate: Curate, jsonl_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    result = curate("run", "--source", jsonl_only, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "curate submit CONFIG --address http://127.0.0.1:8265" in result.err


@pytest.mark.slow
def test_the_readmes_walk_through_a_cluster(tmp_path: Path) -> None:
    """Runs every line of the README's block in one shell."""
    readme = (ROOT / "configs/cluster/README.md").read_text(encoding="utf-8")
    block = next(part.split("```")[0] for part in readme.split("```sh\n")[1:] if "scripts/cluster start" in part)
    assert "kill-node" in block
    assert "stop" in block.splitlines()[-1]
    script = block.replace("scripts/cluster", "python -m job.cluster.local").replace("curate ", "python -m job ")
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    try:
        walked = subprocess.run(
            ["sh", "-euxc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    finally:
        if (left := tmp_path / "out/cluster").exists():
            Cluster.at(left.resolve()).stop()
    said = walked.stdout + walked.stderr
    assert walked.returncode == 0, said
    assert "3 nodes are up" in said
    assert "node 3 is dead" in said
    assert "node 4 has joined" in said
    assert "first is done" in said
    assert "first: succeeded" in said
    assert walked.stdout.endswith("stopped\n")
    assert not (tmp_path / "out/cluster").is_symlink()
