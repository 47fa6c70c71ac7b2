"""Submitting, as far as no cluster is needed: what is sent, what is refused, and how the end of a job is reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ray.job_submission import JobStatus

import job
from job.cluster.code_archive import CONFIG_NAME, LOCK_NAME, write_code_archive
from job.cluster.submit.api import answering, connect
from job.cluster.submit.follow import ending, follow
from job.config.load import load_config, load_craft_config
from job.config.models import JobConfig
from job.errors import CurateError
from tests.conftest import Curate
from tests.servers.dashboard import Dashboard, Turns, versions

PACKAGE = Path(job.__file__).parent
ROOT = PACKAGE.parent


def names(archive: Path) -> set[str]:
    return set(zipfile.ZipFile(archive).namelist())


def test_the_archive_is_all_of_the_code_and_the_config_and_nothing_else(tmp_path: Path) -> None:
    config = load_config(None, {"source.path": "/in", "output": "/out", "recipe.max_price": 7.5, "limit": 3})
    write_code_archive(tmp_path / "b.zip", config)
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("templates/*")]
    code = {f"job/{path.relative_to(PACKAGE)}" for path in files}
    assert names(tmp_path / "b.zip") == code | {CONFIG_NAME}
    zipfile.ZipFile(tmp_path / "b.zip").extract(CONFIG_NAME, tmp_path)
    assert load_config(tmp_path / CONFIG_NAME) == config


def test_a_training_set_is_submitted_by_its_config(tmp_path: Path) -> None:
    config = load_craft_config(None, {"items": "/shared/items", "output": "s3://b/set", "sample.size": 9})
    write_code_archive(tmp_path / "b.zip", config)
    zipfile.ZipFile(tmp_path / "b.zip").extract(CONFIG_NAME, tmp_path)
    assert load_craft_config(tmp_path / CONFIG_NAME) == config


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--set items=out/items: a submitted job has no folder here"),
        (["--set", "items=/shared/items"], "--output out/set: a submitted job has no folder here"),
        (["--limit", "5"], "a training set is made of items, so it has no --source, --category, --limit or"),
    ],
)
def test_a_training_set_that_the_cluster_cannot_make_is_not_submitted(
    tmp_path: Path, curate: Curate, options: list[str], said: str
) -> None:
    (tmp_path / "set.yaml").write_text("items: out/items\n")
    ended = curate("submit", tmp_path / "set.yaml", "--address", "http://127.0.0.1:9", *options)
    assert (ended.exit_code, ended.out) == (2, "")
    assert said in ended.err


def test_the_same_job_makes_the_same_archive(tmp_path: Path) -> None:
    for name in ("1.zip", "2.zip"):
        write_code_archive(tmp_path / name, JobConfig(output="/out"))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert (tmp_path / "1.zip").stat().st_size < 1_000_000  # Ray accepts 512 MiB


def test_what_git_ignores_is_in_the_archive(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "job")
    for folder in (tmp_path, tmp_path / "job"):
        for ignore in (".gitignore", ".rayignore"):
            (folder / ignore).write_text("*\n!.gitignore\n")
    code = (
        "from pathlib import Path; from job.cluster.code_archive import write_code_archive\n"
        "write_code_archive(Path('b.zip'))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True)
    write_code_archive(tmp_path / "other.zip")
    assert names(tmp_path / "b.zip") == names(tmp_path / "other.zip")


def test_the_lock_goes_along_without_ray_which_is_the_clusters(tmp_path: Path) -> None:
    write_code_archive(tmp_path / "b.zip", with_lock=True)
    lock = zipfile.ZipFile(tmp_path / "b.zip").read(LOCK_NAME).decode()
    pinned = {line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")}
    whole = (ROOT / "scripts/requirements.lock").read_text()
    assert pinned == {line.split("==")[0] for line in whole.splitlines() if "==" in line and line[0] != " "} - {"ray"}
    assert whole.count("--hash") > lock.count("--hash") > 1000


SHARED = ["--source", "/shared/in", "--output", "/shared/out"]


@pytest.mark.parametrize(
    ("ray", "python", "words"),
    [
        ("2.59.0", "3.12.3", "has Ray 2.59.0, and this program needs Ray <2.61,>=2.60"),
        ("2.61.0", "3.12.3", "has Ray 2.61.0"),
        ("2.60.0", "3.10.14", "has Python 3.10.14, and this program needs Python <3.15,>=3.11"),
    ],
)
def test_a_cluster_that_does_not_fit_is_said_before_anything_starts(
    ray: str, python: str, words: str, dashboard: Callable[..., Dashboard], curate: Curate
) -> None:
    cluster = dashboard(**versions(ray, python))
    result = curate("submit", *SHARED, "--address", cluster.address)
    assert result.exit_code == 2
    assert words in result.err
    assert "nothing was started" in result.err
    assert set(cluster.asked) == {"/api/version", "/api/v0/cluster_metadata"}


def test_every_ray_that_is_allowed_fits(dashboard: Callable[..., Dashboard], curate: Curate) -> None:
    """There is one such version, 2.60.0, which the tests run with; a bug fix release would fit too."""
    for ray in ("2.60.0", "2.60.1"):
        cluster = dashboard(**versions(ray, "3.14.1"), **{"jobs/": []})
        assert curate("status", "--address", cluster.address).exit_code == 0


def test_ray_address_does_not_lead_elsewhere(
    dashboard: Callable[..., Dashboard], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = dashboard(**versions("2.60.0", "3.12.3"), **{"jobs/": []})
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    result = curate("status", "--address", cluster.address + "/")
    assert (result.exit_code, result.out) == (0, f"no job was submitted to {cluster.address} by curate yet\n")


@pytest.mark.parametrize("answers", [{}, {"version": b"<html>"}, {"version": {"other": 1}}])
def test_what_is_no_dashboard_is_said(
    answers: dict[str, object], dashboard: Callable[..., Dashboard], curate: Curate
) -> None:
    result = curate("submit", *SHARED, "--address", dashboard(**answers).address)
    assert result.exit_code == 2
    assert "is no dashboard of a Ray cluster" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "in", "--output", "/out"], "--source in: a submitted job has no folder here"),
        (["--source", "/in", "--output", "~/out"], "--output ~/out: a submitted job has no folder here"),
        (["--category", "Toys"], "--output out/items: a submitted job has no folder here"),
        ([*SHARED, "--job-id", "a b"], "--job-id a b: use letters"),
        ([*SHARED, "--address", "HEAD:8265"], "as http://HEAD:8265"),
        ([*SHARED, "--address", "ray://127.0.0.1:10001"], "as http://HEAD:8265"),
        ([*SHARED, "--address", "http://127.0.0.1:9"], "nobody answers at http://127.0.0.1:9"),
        ([], "nothing to read"),
    ],
)
def test_what_cannot_be_submitted_is_said_first(arguments: list[str], words: str, curate: Curate) -> None:
    given = arguments if "--address" in arguments else [*arguments, "--address", "http://127.0.0.1:9"]
    result = curate("submit", *given)
    assert result.exit_code == 2
    assert words in result.err


def test_files_of_this_machine_are_not_loaded_elsewhere(
    curate: Curate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.parquet").touch()
    load = "source.load_dataset={path: parquet, data_files: mine.parquet, split: train}"
    where = ["--output", "/shared/out", "--address", "http://127.0.0.1:9"]
    result = curate("submit", "--category", "Mine", "--set", load, *where)
    assert (result.exit_code, "mine.parquet is a file of this machine" in result.err) == (2, True)


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['aiohttp'] = None\n")
    command = [sys.executable, "-m", "job", "submit", *SHARED, "--address", "http://127.0.0.1:9"]
    ended = subprocess.run(
        command, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert 'pip install "ray[default]==' in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["msgspec", "pyarrow"])  # needed to parse the command, and to run it
def test_a_package_that_a_node_lacks_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n")
    command = [sys.executable, "-m", "job", "run", "--source", str(tmp_path), "--output", str(tmp_path / "out")]
    ended = subprocess.run(
        command, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert f"the Python package {name} is not installed for {sys.executable}" in ended.stderr
    assert "submit with --install" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("status", "driver", "expected", "words"),
    [
        (JobStatus.SUCCEEDED, 0, 0, "is done"),
        (JobStatus.STOPPED, None, 130, "was stopped"),
        *[(JobStatus.FAILED, code, code, f"exit code {code}") for code in (1, 2, 3, 4, 130)],
        (JobStatus.FAILED, -9, 1, "was killed (signal 9)"),
        (JobStatus.FAILED, 139, 1, "was killed (exit code 139)"),
        (JobStatus.FAILED, 127, 1, "no `python` in its PATH"),
        (JobStatus.FAILED, None, 1, "the node died"),
    ],
)
def test_a_jobs_end_has_the_exit_code_of_a_run(
    status: JobStatus, driver: int | None, expected: int, words: str
) -> None:
    exit_code, sentence = ending("j", status, driver, "a traceback\nthe node died")
    assert (exit_code, words in sentence) == (expected, True)


def test_a_log_is_followed_over_a_moment_without_an_answer(
    dashboard: Callable[..., Dashboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.cluster.submit.follow._LONGEST_PAUSE_S", 0.01)
    running = {"type": "SUBMISSION", "submission_id": "j", "entrypoint": "e", "status": "RUNNING"}
    ended = {**running, "status": "FAILED", "driver_exit_code": 3}
    before = "2026-11-25 07:04:27,448\tINFO job_manager.py:581 -- Runtime env.\nRunning entrypoint for job j: e\n1\n"
    answers = {
        "jobs/j": Turns([running, None, running, ended]),
        "jobs/j/logs": Turns([{"logs": log} for log in (before + "2", before + "2\n", before + "2\n3")]),
    }
    jobs = connect(dashboard(**versions("2.60.0", "3.12.3"), **answers).address)
    shown: list[str] = []
    said: list[str] = []
    exit_code, sentence = follow(jobs, "j", shown.append, said.append)
    assert shown == ["1", "2", "3"]
    assert len(said) == 1
    assert "trying again" in said[0]
    assert (exit_code, sentence) == (3, "j ended with exit code 3; its messages above say what to do")


def test_a_refusal_is_said_in_one_line() -> None:
    text = 'Request failed with status code 500: Traceback:\n  File "x"\nValueError: the package is too large\n.'
    with pytest.raises(CurateError, match=r"refused: ValueError: the package is too large$"), answering("http://h"):
        raise RuntimeError(text)
