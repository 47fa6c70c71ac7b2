"""`curate export`: files that are whole or not there, refusals, tokens, and what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import CurateError, RefusedError, UsageError
from job.export import write
from job.export.export import export
from job.export.lengths import _end, _is_apart  # pyright: ignore[reportPrivateUsage]
from job.recipe.tokenizer import load_tokenizer
from tests.conftest import Curate, tree
from tests.export.made import item_2024, make_items, make_set, rows_of
from tests.servers.s3 import S3


def test_a_set_is_written_and_a_second_time_nothing_is_done(
    sets: dict[str, Path], tmp_path: Path, curate: Curate
) -> None:
    out = tmp_path / "out"
    first = curate("export", sets["course-2024"], "--to", "openai-2024", "--output", out)
    assert (first.exit_code, first.out.splitlines()) == (
        0,
        [
            f"done: 60 train, 30 test in {out}; to load it:",
            f'client.files.create(file=open(\'{out}/train.jsonl\', "rb"), purpose="fine-tune")',
        ],
    )
    assert sorted(tree(out)) == ["_export.json", "test.jsonl", "train.jsonl"]
    before = tree(out)
    stamp = (out / "train.jsonl").stat().st_mtime_ns
    again = curate("export", sets["course-2024"], "--to", "openai-2024", "--output", out)
    assert again.out.startswith("complete already: 60 train, 30 test")
    assert tree(out) == before
    assert (out / "train.jsonl").stat().st_mtime_ns == stamp


def test_a_file_that_was_lost_is_written_again(sets: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(str(sets["own"]), "trl", str(out))
    before = tree(out)
    (out / "train.parquet").write_bytes(b"half")
    assert not export(str(sets["own"]), "trl", str(out)).was_complete
    assert tree(out) == before


def test_an_interrupted_export_leaves_no_half_file_and_can_be_made_again(
    sets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "_sha256", stop)  # all rows are written, and the file has no name yet
        with pytest.raises(KeyboardInterrupt):
            export(str(sets["course-2024"]), "trl", str(out))
    assert [name for name in tree(out) if not name.startswith("_")] == []
    (out / "_tmp").mkdir(exist_ok=True)
    (out / "_tmp/left-by-a-kill").write_bytes(b"PAR1")
    export(str(sets["course-2024"]), "trl", str(out))
    assert sorted(tree(out)) == ["_export.json", "test.parquet", "train.parquet"]
    assert pq.read_table(out / "test.parquet").num_rows == 30


@pytest.mark.parametrize(
    ("form", "recipe", "said"),
    [("trl", "course-2024", "the form axolotl"), ("axolotl", "course-2025", "of .*course-2024")],
)
def test_a_folder_of_another_export_is_refused(
    form: str, recipe: str, said: str, sets: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export(str(sets["course-2024"]), "axolotl", str(out))
    before = tree(out)
    with pytest.raises(RefusedError, match=f"holds another export: {said}\nnothing was touched; name another folder"):
        export(str(sets[recipe]), form, str(out))
    assert tree(out) == before


def test_a_folder_with_something_else_is_refused(sets: dict[str, Path], tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = curate("export", sets["own"], "--to", "trl", "--output", tmp_path)
    assert result.exit_code == 4
    assert "holds something else (notes.txt)" in result.err
    assert sorted(tree(tmp_path)) == ["notes.txt"]


def test_nothing_is_written_into_the_set_or_around_it(sets: dict[str, Path], curate: Curate) -> None:
    own = sets["own"]
    for output, said in ((own, "where the rows come from"), (own / "x/y", "lies in"), (own.parent, "is around")):
        result = curate("export", own, "--to", "trl", "--output", output)
        assert (result.exit_code, said in result.err) == (2, True), result.err
    assert not (own / "x").exists()


@pytest.mark.parametrize(
    ("recipe", "form", "left"), [("own", "trl", []), ("course-2024", "openai-2024", ["_export.json"])]
)
def test_a_shard_that_has_changed_is_not_exported(
    recipe: str, form: str, left: list[str], sets: dict[str, Path], tmp_path: Path
) -> None:
    """In a form with prompts and completions it is found before anything is written."""
    changed = shutil.copytree(sets[recipe], tmp_path / "changed")
    shard = next((changed / "data").glob("train-*"))
    other = next((changed / "data").glob("test-*"))
    shard.write_bytes(other.read_bytes())
    with pytest.raises(CurateError, match=r"train-00000.* has changed since it was written\nto see .*curate verify"):
        export(str(changed), form, str(tmp_path / "out"))
    assert sorted(tree(tmp_path / "out")) == left


def test_a_set_that_is_not_complete_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    half = shutil.copytree(sets["own"], tmp_path / "half")
    (half / "manifest.json").unlink()
    with pytest.raises(UsageError, match="is not complete"):
        export(str(half), "trl", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_items_have_one_form_and_a_set_does_not_have_it(sets: dict[str, Path], tmp_path: Path, curate: Curate) -> None:
    rows = {
        "Toys": [item_2024(number, 5.25) for number in range(90)],
        "Appliances": [item_2024(1, 7, title="Käse\u2028")],
    }
    items = make_items(tmp_path / "items", "course-2024", rows)
    wrong = curate("export", items, "--to", "trl", "--output", tmp_path / "out")
    assert (wrong.exit_code, "curate craft --items" in wrong.err) == (2, True)
    done = curate("export", items, "--to", "jsonl", "--output", tmp_path / "out")
    assert done.exit_code == 0
    loaded = eval(done.out.splitlines()[-1], {"load_dataset": datasets.load_dataset})
    assert {split: rows.num_rows for split, rows in loaded.items()} == {"train": 91}
    for name, expected in rows.items():
        written = (tmp_path / f"out/{name}.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")
        assert [json.loads(line) for line in written] == [{"category": name, **row} for row in expected]
    of_set = curate("export", sets["own"], "--to", "jsonl", "--output", tmp_path / "other")
    assert (of_set.exit_code, "it can have one of these: --to trl" in of_set.err) == (2, True)


def test_rows_that_are_too_long_fail_or_are_dropped(
    sets: dict[str, Path], tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.export.source._ROWS_AT_ONCE", 7)
    out = tmp_path / "out"
    call = ("export", sets["own"], "--to", "trl", "--output", out, "--max-length")
    found = json.loads(curate(*call, 10_000, "--json").out)
    longest = found["longest"]
    assert set(found["too_long"].values()) == {0}
    whole = tree(out)
    assert curate(*call, longest).exit_code == 0  # the same rows, so there is nothing to do
    failed = curate(*call, 300)
    assert failed.exit_code == 2
    assert "rows have more than 300 tokens: " in failed.err
    assert f"the longest has {longest}" in failed.err
    assert f"--too-long drop, or allow them: --max-length {longest}" in failed.err
    assert tree(out) == whole
    assert curate(*call, 300, "--too-long", "drop").exit_code == 4  # other rows
    short = tmp_path / "short"
    call = ("export", sets["own"], "--to", "trl", "--output", short, "--max-length", 300, "--too-long", "drop")
    dropped = json.loads(curate(*call, "--json").out)
    count = load_tokenizer("llama3").count
    for file in dropped["files"]:
        split = file["path"].removesuffix(".parquet")
        rows = rows_of(sets["own"], split)
        kept = [row for row in rows if count(row["prompt"] + row["completion"]) <= 300]
        assert 0 < file["num_rows"] == len(kept) == len(rows) - dropped["too_long"][split]
        assert pq.read_table(short / file["path"])["prompt"].to_pylist() == [row["prompt"] for row in kept]


def test_a_completion_that_is_read_together_with_the_end_of_the_prompt_is_said(
    sets: dict[str, Path], tmp_path: Path, curate: Curate
) -> None:
    apart = curate("export", sets["own"], "--to", "trl", "--output", tmp_path / "a", "--max-length", 5_000)
    assert (apart.exit_code, "not the first tokens" in apart.err) == (0, False)
    rows = [{"sku": f"S{number}", "name": "Shelf", "blurb": "oak " * number} for number in range(30)]
    items = make_items(tmp_path / "items", "glued", {"Shelves": rows})
    glued = make_set(items, tmp_path / "set", deduplicate=[], splits={"validation": 0, "test": 0})
    said = curate("export", glued, "--to", "trl", "--output", tmp_path / "b", "--max-length", 5_000)
    assert said.exit_code == 0
    assert "in 30 of 30 rows the prompt's tokens are not the first tokens of prompt and completion" in said.err
    without = curate("export", glued, "--to", "axolotl", "--output", tmp_path / "c")
    assert without.exit_code == 0
    assert "in 30 of 30 rows the prompt's tokens are not the first tokens of prompt and completion" in without.err
    assert (
        json.loads(curate("export", glued, "--to", "trl", "--output", tmp_path / "d", "--json").out)["prompts_apart"]
        == 30
    )


TEXT = st.text(st.sampled_from("ab1. \n\t'S$é中"), max_size=12)


@given(prompt=TEXT, completion=TEXT)
def test_the_end_of_a_prompt_tells_whether_the_tokens_of_the_whole_begin_with_its_own(
    prompt: str, completion: str
) -> None:
    tokens_of = load_tokenizer("llama3").tokens
    tokens = tokens_of(prompt)
    expected = tokens.tolist() != tokens_of(prompt + completion)[: len(tokens)].tolist()
    assert _is_apart(_end(prompt), completion) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "trl"], "name --output DIR"),
        (["--output", "out"], "name --to FORM"),
        (["--to", "trll", "--output", "out"], "no form is called 'trll'; did you mean trl?"),
        (["--to", "trl", "--output", "out", "--too-long", "drop"], "--max-length: give that, too"),
        (["--to", "trl", "--output", "out", "--max-length", "9", "--too-long", "cut"], "choose drop or fail"),
        (["--to", "trl", "--output", "out", "--quiet", "--json"], "exclude each other"),
    ],
)
def test_wrong_options_are_usage_errors(
    arguments: list[str],
    said: str,
    sets: dict[str, Path],
    curate: Curate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = curate("export", sets["own"], *arguments)
    assert (result.exit_code, said in result.err) == (2, True), result.err
    assert not (tmp_path / "out").exists()


def test_a_bucket_gets_the_same_files(sets: dict[str, Path], tmp_path: Path, s3: S3) -> None:
    export(str(sets["course-2025"]), "openai-2025", str(tmp_path / "out"))
    export(str(sets["course-2025"]), "openai-2025", "s3://bucket/for/openai")
    assert s3.tree("bucket", "for/openai/") == tree(tmp_path / "out")
    assert export(str(sets["course-2025"]), "openai-2025", "s3://bucket/for/openai").was_complete
