"""Private names of Ray's: does this Ray have them, and does the program work on a Ray that lacks them?

When a new Ray breaks one, `test_this_ray_has` names it, and the others show that a run still makes the same shards.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import ray

from job.cluster import ray_internals
from job.cluster.processes import is_dead
from job.cluster.ray_internals import OF_A_JOB, OF_OUR_OWN_RAY, OF_RAY_DATA, Internal
from job.cluster.submit.api import connect
from job.config.load import load_config
from job.errors import CurateError
from job.run import run_job
from tests.cluster.other_ray import TAKEN_AWAY
from tests.conftest import shards
from tests.paths import PACKAGE, ROOT
from tests.servers.dashboard import Dashboard, versions

INTERNALS: dict[str, Internal] = {
    name: value for name, value in vars(ray_internals).items() if isinstance(value, Internal)
}
OF_A_RUN = [name for name, internal in INTERNALS.items() if internal in (*OF_OUR_OWN_RAY, *OF_RAY_DATA)]


@pytest.mark.parametrize("name", INTERNALS)
def test_this_ray_has(name: str) -> None:
    assert INTERNALS[name].is_there(), f"Ray {ray.__version__} has no {INTERNALS[name].name} in the form that is needed"


def test_every_private_name_can_be_taken_away() -> None:
    assert {*OF_OUR_OWN_RAY, *OF_RAY_DATA, *OF_A_JOB} == {*INTERNALS.values()}
    assert INTERNALS.keys() == TAKEN_AWAY.keys()


def test_what_needs_no_ray_data_does_not_import_it() -> None:
    code = """if True:
        import sys
        from job.cluster import internal, ray_internals
        internal.tell_what_is_missing(ray_internals.OF_OUR_OWN_RAY, print)
        print("ray.data" in sys.modules)
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_no_other_file_knows_a_private_name() -> None:
    private = re.compile(
        r"ray[./](data\.)?_(private|raylet|internal)|_raylet|_temp_dir|_system_config|_do_request|ray::"
    )
    knowing = [path.name for path in PACKAGE.rglob("*.py") if private.search(path.read_text(encoding="utf-8"))]
    assert knowing == ["ray_internals.py"]


@pytest.mark.usefixtures("shared_ray")
def test_rays_processes_have_the_names_that_they_are_found_by() -> None:
    ray.get(ray.remote(lambda: None).remote())
    processes = [each for each in psutil.Process().children(recursive=True) if not is_dead(each)]
    assert ray_internals.CORE_PROCESSES.keys() <= {process.name() for process in processes}
    commands = [" ".join(process.cmdline()) for process in processes]
    workers = [command for command in commands if command.startswith(ray_internals.WORKER_TITLE)]
    assert any(ray_internals.AGENT_TITLE not in title for title in workers)
    words = {word.rpartition("ray/")[2] for command in commands for word in command.split() if word.endswith(".py")}
    assert not words & {"dashboard/dashboard.py", "_private/log_monitor.py", "autoscaler/_private/monitor.py"}
    waiting = [command.split() for command in commands if command.startswith("/bin/sh -c read _ ")]
    assert [words[6].rpartition("ray/")[2] for words in waiting] == ["dashboard/agent.py"]


@pytest.fixture(scope="module")
def wanted(jsonl_only: Path, shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The shards that a Ray with all of its names makes."""
    output = tmp_path_factory.mktemp("wanted") / "out"
    run_job(load_config(None, {"source.path": str(jsonl_only), "output": str(output)}), quiet=True)
    return shards(output)


def run_without(names: list[str], *arguments: object, **variables: str) -> str:
    """Runs `curate ARGUMENTS` on a Ray without these names, which has to succeed. Returns its standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.cluster.other_ray", ",".join(names), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("names", [OF_A_RUN, *(pytest.param([name], marks=pytest.mark.slow) for name in OF_A_RUN)])
def test_a_run_works_without(
    names: list[str], jsonl_only: Path, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [name for name in os.environ if name.startswith("RAY_")]:  # those of the Ray of the other tests
        monkeypatch.delenv(variable)
    command = ["run", "--source", jsonl_only, "--output", tmp_path / "out", "--workers", 2]
    said = run_without(names, *command, HOME=str(tmp_path))
    assert shards(tmp_path / "out") == wanted
    missing = [INTERNALS[name] for name in names]
    told = [line for line in said.splitlines() if line.startswith(f"Ray {ray.__version__} has no ")]
    expected = [f"Ray {ray.__version__} has no {each.name}, so {each.without}" for each in missing]
    assert sorted(told) == sorted(expected)
    assert (tmp_path / ".ray/auth_token").exists() == ("TOKEN" in names)  # Ray's own protection instead of ours


def test_a_ray_that_was_joined_needs_none_of_them(jsonl_only: Path, wanted: dict[str, bytes], tmp_path: Path) -> None:
    address = ray.get_runtime_context().gcs_address
    command = ["run", "--source", jsonl_only, "--output", tmp_path / "out", "--workers", 1]
    said = run_without(OF_A_RUN, *command, RAY_ADDRESS=address)
    assert shards(tmp_path / "out") == wanted
    assert "joining Ray at" in said
    assert "has no" not in said


def test_the_job_api_works_without(dashboard: Callable[..., Dashboard]) -> None:
    cluster = dashboard(**versions(ray.__version__, "3.12.3"), **{"jobs/": []})
    said = run_without(["REQUEST"], "status", "--address", cluster.address)
    assert said.count(f"Ray {ray.__version__} has no {INTERNALS['REQUEST'].name}") == 1
    assert "/api/v0/cluster_metadata" not in cluster.asked


def test_a_cluster_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_internals, "_ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CurateError, match="does not answer any more"):
            connect(address)
