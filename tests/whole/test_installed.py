"""The program outside of a clone: the sdist makes the wheel, and the installed wheel makes a whole output."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.paths import PACKAGE, ROOT

pytestmark = pytest.mark.slow


def called(folder: Path, *command: object) -> str:
    """Runs a command outside of the clone, which has to succeed. Returns its standard output."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "RAY_ADDRESS"}}
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with the packages of this one, but without this program, and with what builds it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    called(folder, python, "-m", "pip", "install", "--quiet", "hatchling>=1.27,<2")
    packages = called(folder, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A .pth adds the folder, but not what the .pth files in it name: so the editable install is not seen.
    (Path(packages) / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_what_is_built_from_the_sdist_works_outside_of_the_clone(python: Path, tmp_path: Path) -> None:
    build = [python, "-m", "hatchling", "build", "-d", tmp_path / "built"]
    called(ROOT, *build)
    (sdist,), (wheel,) = (list((tmp_path / "built").glob(f"*.{form}")) for form in ("tar.gz", "whl"))
    called(tmp_path, python, "-m", "tarfile", "-e", sdist, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    called(unpacked, python, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()

    called(tmp_path, python, "-m", "pip", "install", "--quiet", "--no-deps", again)
    there = called(tmp_path, python, "-c", "import job; print(job.__file__)").strip()
    assert Path(there).is_relative_to(python.parents[1])
    code = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {path.relative_to(Path(there).parent) for path in Path(there).parent.rglob("*.py")} == code

    curate = python.with_name("curate")
    called(tmp_path, curate, "sample", "catalogue", "--rows", 300, "--category", "Toys")
    called(tmp_path, curate, "config")
    called(tmp_path, curate, "run", "--source", "catalogue", "--output", "out", "--workers", 1)
    assert (tmp_path / "out/manifest.json").exists()
    called(tmp_path, curate, "verify", "out")
    called(tmp_path, curate, "doctor")


def test_the_wheel_has_the_lock_that_a_submitted_job_installs(python: Path, tmp_path: Path) -> None:
    called(ROOT, python, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    lock = zipfile.ZipFile(wheel).read("job/requirements.lock")
    assert lock == (ROOT / "scripts/requirements.lock").read_bytes()
