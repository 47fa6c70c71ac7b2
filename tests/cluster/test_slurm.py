"""`configs/cluster/slurm.sh`, run as Slurm would run it, with stand-ins for Slurm's commands that run their arguments.

This machine plays both nodes of the allocation. The quick tests have stand-ins for Ray and `curate` as well, which
record how they were called; the slow one runs the real ones.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.ray_folder import PREFIX
from job.signals import INTERRUPTED
from tests.cluster.test_configs import FOLDER, TEXTS, parsed
from tests.conftest import Curate, shards
from tests.paths import ROOT

SCRIPT = FOLDER / "slurm.sh"
TEXT = SCRIPT.read_text(encoding="utf-8")
JOB_ID = str(os.getpid())  # decides the name of its folder and its ports
HERE = Path(f"/tmp/slurm-{JOB_ID}")
PATIENCE_S = 60.0

SRUN = 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"'
SCONTROL = 'if [ "$1" = show ]; then printf "%s\\n" node-1 node-2; fi'
PYTHON = r"""
case "$2" in
*get_node_ip_address*) echo 127.0.0.1 ;;
*ray.nodes*) until [ "$(tr '\36' '\n' <"$CALLS" | grep -c $'^ray\x1f')" = "$3" ]; do sleep 0.01; done ;;
esac"""
RAY = f"""
case " $* " in
*" --head "*) exec {sys.executable} -c '
import socket, sys, signal
port = next(int(word.split("=")[1]) for word in sys.argv if word.startswith("--port="))
listening = socket.create_server(("127.0.0.1", port))
signal.pause()' "$@" ;;
*) exec sleep 600 ;;
esac"""
# One write per call, as for a line.
NOTES = """printf -v call '%s\\x1f' "${0##*/}" "$@"; printf '%s\\x1e' "${call//$'\\n'/ }" >>"$CALLS"\n"""


def at_work(exit_code: int) -> str:
    """Returns a command that runs until it gets SIGTERM, and ends with that exit code."""
    return f"""exec {sys.executable} -c '
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit({exit_code}))
open(os.environ["CALLS"] + ".at-work", "w").close()
signal.pause()'"""


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Installs stand-ins on a PATH for the script alone: each records its arguments, and runs the text given."""
    (tmp_path / "bin").mkdir()

    def put(**scripts: str) -> None:
        for name, text in scripts.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{NOTES}{text}\n")
            (tmp_path / "bin" / name).chmod(0o755)

    put(srun=SRUN, scontrol=SCONTROL, python=PYTHON, ray=RAY, curate="exit 0")
    yield put
    left = [process for process in psutil.process_iter() if is_ours(process, str(tmp_path))]
    for process in left:
        process.kill()
    assert left == []
    assert not HERE.exists()


def is_ours(process: psutil.Process, folder: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.environ().get("CALLS", "").startswith(folder)
    return False


def submitted(tmp_path: Path, *arguments: object, path: str = "", **more: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{path}/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "CALLS": str(tmp_path / "calls"),
        "SLURM_JOB_ID": JOB_ID,
        "SLURM_JOB_NODELIST": "node-[1-2]",
        "SLURM_CPUS_PER_TASK": "1",
        **more,
    }
    command = ["bash", str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(run: subprocess.Popen[str], exit_code: int = 0) -> str:
    with run:
        out, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == exit_code, out
    return out


def calls(tmp_path: Path, program: str) -> list[list[str]]:
    if not (tmp_path / "calls").exists():
        return []
    noted = [call.split("\x1f")[:-1] for call in (tmp_path / "calls").read_text().split("\x1e")[:-1]]
    return [arguments for name, *arguments in noted if name == program]


def until(is_so: Callable[[], object], run: subprocess.Popen[str]) -> None:
    late = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < late
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)


def test_the_script_is_sound() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    subprocess.run([Path(sys.executable).with_name("shellcheck"), SCRIPT], check=True)
    examples = re.findall(r"sbatch [^`\n]*slurm\.sh (configs[^`\n]+)", "".join(TEXTS.values()))
    assert len(examples) == 2
    for example in examples:
        parsed("curate", ["run", *shlex.split(example)])


def test_slurm_is_told_to_warn_in_time_and_to_queue_again() -> None:
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.+))?$", TEXT, re.MULTILINE))
    assert {"requeue", "no-kill", "nodes", "cpus-per-task", "time"} <= options.keys()
    assert options["open-mode"] == "append"
    assert options["ntasks-per-node"] == "1"
    warning = re.fullmatch(r"B:(\w+)@(\d+)", options["signal"])
    assert warning is not None
    assert f"trap 'interrupted yes' {warning[1]}" in TEXT
    assert int(warning[2]) >= 20 + 30 + 30  # for the run to end, what Slurm gives the steps, and to clean up


@pytest.mark.parametrize("exit_code", [0, 3])
def test_a_node_is_started_on_each_machine_and_the_run_on_the_first(
    exit_code: int, commands: Callable[..., None], tmp_path: Path
) -> None:
    commands(curate=f'env >"$CALLS.env"; exit {exit_code}')
    ended(submitted(tmp_path, "a config.yaml", "--output", "/shared/out", RAY_ADDRESS="elsewhere:1"), exit_code)
    head, worker, *rest = calls(tmp_path, "srun")
    for step, node in ((head, "node-1"), (worker, "node-2")):
        assert {"--overlap", "--nodes=1", "--ntasks=1", f"--nodelist={node}"} <= set(step)
    head, worker = calls(tmp_path, "ray")
    address = f"127.0.0.1:{parsed('ray', head)['port']}"
    assert parsed("ray", head)["head"]
    assert parsed("ray", worker)["address"] == address
    assert all(parsed("ray", each)["block"] for each in (head, worker))
    assert [each[-3:] for each in rest] == [["rm", "-rf", str(HERE)]]
    assert not HERE.name.startswith(PREFIX)  # or another run's sweeping would remove it
    assert calls(tmp_path, "curate") == [["run", "a config.yaml", "--output", "/shared/out"]]
    environment = dict(line.split("=", 1) for line in (tmp_path / "calls.env").read_text().splitlines() if "=" in line)
    assert environment["RAY_ADDRESS"] == address
    assert environment["RAY_AUTH_MODE"] == "token"
    assert re.fullmatch("[0-9a-f]{64}", environment["RAY_AUTH_TOKEN"])
    assert environment["RAY_AUTH_TOKEN"] not in (tmp_path / "calls").read_text()
    assert calls(tmp_path, "scontrol") == [["show", "hostnames", "node-[1-2]"]]


@pytest.mark.parametrize(("told", "again"), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
@pytest.mark.parametrize("during", ["waiting", "curate"])
def test_only_when_its_time_is_up_it_is_queued_again(
    told: signal.Signals, again: bool, during: str, commands: Callable[..., None], tmp_path: Path
) -> None:
    if during == "waiting":
        commands(python=f'if [ "$#" = 3 ]; then {at_work(INTERRUPTED)}; fi\n{PYTHON}')
    else:
        commands(curate=at_work(INTERRUPTED))
    run = submitted(tmp_path, "config.yaml")
    until((tmp_path / "calls.at-work").exists, run)
    run.send_signal(told)
    ended(run, INTERRUPTED)
    assert calls(tmp_path, "curate") == ([] if during == "waiting" else [["run", "config.yaml"]])
    assert (["requeue", JOB_ID] in calls(tmp_path, "scontrol")) == again


def test_a_run_that_fails_when_its_time_is_up_is_not_queued_again(
    commands: Callable[..., None], tmp_path: Path
) -> None:
    commands(curate=at_work(3))
    run = submitted(tmp_path, "config.yaml")
    until((tmp_path / "calls.at-work").exists, run)
    run.send_signal(signal.SIGUSR1)
    ended(run, 3)
    assert calls(tmp_path, "scontrol") == [["show", "hostnames", "node-[1-2]"]]


def test_what_is_missing_is_said(commands: Callable[..., None], tmp_path: Path) -> None:
    assert "nothing to curate: sbatch slurm.sh CONFIG" in ended(submitted(tmp_path), 1)
    assert "this is not a Slurm job" in ended(submitted(tmp_path, "config.yaml", SLURM_JOB_ID=""), 1)
    commands(ray="exit 1")
    assert "error: Ray did not start on node-1" in ended(submitted(tmp_path, "config.yaml"), 1)
    assert calls(tmp_path, "curate") == []
    (tmp_path / "bin/curate").unlink()
    assert "error: curate is not on the path" in ended(submitted(tmp_path, "config.yaml"), 1)


@pytest.mark.slow
def test_it_curates_and_what_was_stopped_goes_on(
    commands: Callable[..., None], jsonl_only: Path, shared_ray: int, curate: Curate, tmp_path: Path
) -> None:
    """With real Ray commands and a real run, which is stopped by the time limit and then queued again."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/Toys.jsonl").write_bytes((jsonl_only / "meta_Appliances.jsonl").read_bytes() * 8)
    assert curate("run", "--source", tmp_path / "in", "--output", tmp_path / "one", "--quiet").exit_code == 0
    for name in ("python", "ray"):
        commands(**{name: f'exec {Path(sys.executable).with_name(name)} "$@"'})
    commands(curate='exec python -m job "$@"')
    arguments = ["--source", tmp_path / "in", "--output", tmp_path / "out"]
    settings = {"PYTHONPATH": str(ROOT), "HF_HOME": os.environ["HF_HOME"]}
    run = submitted(tmp_path, *arguments, "--set", "batch_size=50", **settings)
    until(lambda: list((tmp_path / "out/_partitions").rglob("*.json")), run)
    run.send_signal(signal.SIGUSR1)
    out = ended(run, INTERRUPTED)
    assert "queued again, to go on where it stopped" in out
    assert calls(tmp_path, "scontrol")[-1] == ["requeue", JOB_ID]
    finished = shards(tmp_path / "out")
    assert finished.items() < shards(tmp_path / "one").items()
    out = ended(submitted(tmp_path, *arguments, **settings))
    assert "joining Ray at" in out
    assert shards(tmp_path / "out") == shards(tmp_path / "one")
    assert curate("verify", tmp_path / "out").exit_code == 0
