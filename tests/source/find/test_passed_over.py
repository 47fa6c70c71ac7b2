"""Nothing is left out in silence: what is not read is listed, and said when it is asked for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from job.errors import UsageError
from job.source.find.folder import find_categories
from job.source.find.passed_over import PassedOver
from tests.source.find.test_folder import put, refused

LINE = json.dumps({"title": "a", "price": "1"}).encode() + b"\n"


def looked(root: Path, *wanted: str) -> tuple[dict[str, str], PassedOver]:
    """Returns the one file of each category, and what is not read."""
    passed_over = PassedOver()
    sources = find_categories(root, wanted, {"title", "price"}, passed_over)
    return {source.category: source.files[0].name for source in sources}, passed_over


def test_suffixes_in_any_case_and_ndjson_are_read(tmp_path: Path) -> None:
    files = ["A.JSONL", "B.ndjson", "C.NDJSON.GZ", "D.Parquet", "E.jsonl.ZST"]
    put(tmp_path, *files)
    found, passed_over = looked(tmp_path)
    assert list(found.values()) == files
    assert list(found) == ["A", "B", "C", "D", "E"]
    assert list(passed_over.lines()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Toys.json", LINE * 2),
        ("Toys.json", b"\n\n" + LINE),
        ("Toys.json.gz", gzip.compress(LINE, mtime=0)),
        ("Toys.json.zst", zstandard.compress(LINE)),
        ("Toys.json", LINE.rstrip()),
    ],
)
def test_json_with_an_object_on_its_first_line_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert looked(tmp_path)[0] == {"Toys": name}
    assert looked(tmp_path / name)[0] == {"Toys": name}


@pytest.mark.parametrize(
    "content", [b"[\n" + LINE + b"]", b'{\n"title": "a"}', b'{"other": 1}\n', b'"title"\n', b"{", b"", b"\xff\xfe{\0"]
)
def test_json_of_any_other_kind_is_listed(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "Books.jsonl")
    (tmp_path / "Toys.json").write_bytes(content)
    found, passed_over = looked(tmp_path)
    assert found == {"Books": "Books.jsonl"}
    assert passed_over.names == ["Toys.json"]
    with pytest.raises(UsageError, match=r"Toys\.json is there, but not read: its first line is not an object"):
        looked(tmp_path, "Toys")


def test_everything_that_is_not_read_is_listed_in_one_line(tmp_path: Path) -> None:
    unread = ["A.csv", "B.jsonl.bz2", "C.xz", "D.parq", "E.txt", "sub/"]
    put(tmp_path, "Toys.jsonl", *unread[:-1], "sub/F.jsonl", "README.md", "LICENSE", "_SUCCESS", ".hidden", "empty/x/y")
    (tmp_path / "empty/x/y").unlink()
    (tmp_path / "empty/x").rmdir()
    (line,) = looked(tmp_path)[1].lines()
    assert line.startswith("not read: A.csv, B.jsonl.bz2, C.xz, D.parq, E.txt, sub/; what is read: .jsonl, .ndjson")


def test_of_many_files_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    put(tmp_path, "Toys.jsonl", *[f"{number:02d}.csv" for number in range(25)])
    (line,) = looked(tmp_path)[1].lines()
    assert "18.csv, 19.csv and 5 more;" in line


def test_with_categories_named_only_theirs_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "Toys.jsonl", "Toys.csv", "Books.csv")
    assert looked(tmp_path, "Toys")[1].names == ["Toys.csv"]


@pytest.mark.parametrize(
    ("files", "read", "not_read"),
    [
        (["Toys.jsonl", "Toys.jsonl.gz", "Toys.jsonl.zst"], "Toys.jsonl", ["Toys.jsonl.gz", "Toys.jsonl.zst"]),
        (["Toys.jsonl", "Toys.parquet"], "Toys.parquet", ["Toys.jsonl"]),
        (["Toys.jsonl", "Toys.PARQUET"], "Toys.jsonl", ["Toys.PARQUET"]),  # as before other cases were read
        (["Toys.jsonl.gz", "Toys.ndjson"], "Toys.jsonl.gz", ["Toys.ndjson"]),
        (["Toys.ndjson", "Toys.json"], "Toys.ndjson", ["Toys.json"]),
    ],
)
def test_of_a_category_that_is_there_twice_it_is_said_which_is_read(
    tmp_path: Path, files: list[str], read: str, not_read: list[str]
) -> None:
    put(tmp_path, *files)
    found, passed_over = looked(tmp_path)
    assert found == {"Toys": read}
    assert list(passed_over.lines()) == [f"there more than once: Toys (read: {read}; not read: {', '.join(not_read)})"]
    assert passed_over.names == not_read


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("Toys.csv", "no .csv is read\nconvert it to JSONL"),
        ("Toys.jsonl.bz2", "no .jsonl.bz2 is read\nunpack it first"),
        ("meta_Toys.xz", "no .xz is read\nunpack it first"),
        ("more/Toys.jsonl", "in a folder of its own\nname its folder: --source {}/more"),
    ],
)
@pytest.mark.parametrize("beside", [["Books.jsonl"], []], ids=["beside another", "alone"])
def test_a_category_asked_for_that_is_there_but_not_read_says_so(
    tmp_path: Path, file: str, says: str, beside: list[str]
) -> None:
    put(tmp_path, file, *beside)
    message = refused(tmp_path, "Toys")
    assert message.startswith(f"no category 'Toys' in {tmp_path} that can be read: {file} is there, but not read: ")
    assert message.endswith(says.format(tmp_path)) or says.format(tmp_path) in message


def test_categories_that_differ_by_a_number_say_how_to_make_them_one(tmp_path: Path) -> None:
    put(tmp_path, "Toys_1.parquet", "Toys_2.parquet", "Books.jsonl")
    (line,) = looked(tmp_path)[1].lines()
    assert line.startswith("Toys_1, Toys_2 are read as 2 categories; to make them one, rename the files")
    assert "Toys-00000-of-00002.parquet, Toys-00001-of-00002.parquet" in line


def test_a_part_of_a_data_set_is_called_so(tmp_path: Path) -> None:
    put(tmp_path / "Toys", "default/partial-train/0000.parquet")
    (line,) = looked(tmp_path / "Toys")[1].lines()
    assert line == "Toys: default/partial-train is only the part of the data set that the Hub converted"


@pytest.mark.parametrize(("log", "kind"), [("_delta_log/00000000000000000000.json", "Delta"), (".hoodie/a", "Hudi")])
@pytest.mark.parametrize("folder", ["", "Toys/"])
def test_the_files_of_a_table_with_a_log_are_known(tmp_path: Path, folder: str, log: str, kind: str) -> None:
    put(tmp_path, f"{folder}part-00000-aa-c000.snappy.parquet", f"{folder}{log}")
    assert looked(tmp_path, "Toys")[1].tables == {"Toys": kind}


def test_files_beside_a_table_are_none_of_it(tmp_path: Path) -> None:
    put(tmp_path, "Toys.parquet", "old/Old.parquet", "old/_delta_log/00000000000000000000.json")
    assert looked(tmp_path, "Toys")[1].tables == {}
    put(tmp_path, "Books.jsonl", "_delta_log/00000000000000000000.json")
    assert looked(tmp_path, "Books")[1].tables == {}
