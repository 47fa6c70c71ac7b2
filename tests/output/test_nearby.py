"""A path that is no output: the message names the nearest output, and no command with the slip in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import UsageError
from job.output.folder import open_output
from tests.output.made import MadeOutput, item
from tests.servers.s3 import S3


@pytest.fixture(autouse=True)
def _outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two outputs, and a catalogue beside them."""
    (tmp_path / "out/catalogue").mkdir(parents=True)
    for name in ("first", "second"):
        MadeOutput(tmp_path / "out" / name).add("Toys", [[item("x")]]).close()
    monkeypatch.chdir(tmp_path)


def message(root: str) -> str:
    with pytest.raises(UsageError) as refusal:
        open_output(root)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("out/frist", "; did you mean first?"),
        ("out/fist", "; did you mean first?"),
        ("out/catalog", "; did you mean catalogue?"),
        ("otu/first", "; did you mean out/first?"),
        ("otu/frist", "; did you mean out/first?"),
        ("out/x", "; outputs there: out/first, out/second"),
        ("far/away", ""),
    ],
)
def test_a_path_that_is_not_there_names_the_nearest_output(typed: str, said: str) -> None:
    assert message(typed) == f"there is no such folder: {typed}{said}"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("out", "; outputs there: out/first, out/second"),
        ("out/first/data", "; the output is {}/out/first"),
        ("out/first/data/Toys", "; the output is {}/out/first"),
        ("out/first/manifest.json", "; the output is {}/out/first"),
        ("out/catalogue", ""),
    ],
)
def test_a_path_that_is_no_output_names_those_in_it_or_around_it(tmp_path: Path, typed: str, said: str) -> None:
    first, advice = message(typed).splitlines()
    assert first == f"{typed} is no output of this program: it has no plan.json{said.format(tmp_path)}"
    assert advice == "to make one: curate run --source FOLDER --output DIR"


def test_an_output_whose_first_run_has_not_come_to_its_plan_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/_run.json").write_text("{}")
    first, advice = message("begun").splitlines()
    assert first == "begun has no plan yet: its first run ended before it was made"
    assert advice == "to go on, run the same command again"


def test_an_address_that_is_not_there_names_the_nearest_one(s3: S3) -> None:
    MadeOutput("s3://bucket/items").add("Toys", [[item("x")]]).close()
    assert message("s3://bucket/itmes") == "there is no such folder: s3://bucket/itmes; did you mean items?"
    assert message("s3://bucket").startswith("s3://bucket is no output of this program")
