"""Which files are published: whatever kind of output a manifest is of, it names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from job.errors import UsageError
from job.output.folder import MANIFEST, OutputFolder
from job.output.sealed import sealed
from job.publish.contents import RowsFile, contents, rows_files


class Split(msgspec.Struct):
    shards: list[dict[str, Any]]


class SetManifest(msgspec.Struct):
    """A manifest as a training set may have it."""

    splits: dict[str, Split]
    removed: list[dict[str, Any]]
    items: dict[str, str]


def file(path: str, num_rows: int) -> dict[str, Any]:
    return {"path": path, "num_rows": num_rows, "size_bytes": 10 * num_rows, "sha256": f"{num_rows:064x}"}


TRAIN = [file(f"data/train-{number:05}-of-00002.parquet", 5 + number) for number in range(2)]
TEST = [file("data/test-00000-of-00001.parquet", 2)]
REMOVED = [file("_removed/removed-00000-of-00001.parquet", 3)]
MANIFEST_OF_A_SET = SetManifest(
    splits={"train": Split(TRAIN), "test": Split(TEST)}, removed=REMOVED, items={"sha256": "of the items, no file"}
)


@pytest.fixture
def output(tmp_path: Path) -> OutputFolder:
    for name, content in ((MANIFEST, sealed(MANIFEST_OF_A_SET)), ("README.md", b"# A set\n"), ("_run.json", b"{}")):
        (tmp_path / name).write_bytes(content)
    return OutputFolder(tmp_path)


def test_a_manifest_of_any_kind_names_its_files_of_rows() -> None:
    assert rows_files(sealed(MANIFEST_OF_A_SET)) == [
        RowsFile("_removed/removed-00000-of-00001.parquet", 30, f"{3:064x}", 3),
        RowsFile("data/test-00000-of-00001.parquet", 20, f"{2:064x}", 2),
        RowsFile("data/train-00000-of-00002.parquet", 50, f"{5:064x}", 5),
        RowsFile("data/train-00001-of-00002.parquet", 60, f"{6:064x}", 6),
    ]


@pytest.mark.parametrize("with_removed", [False, True])
def test_rows_of_no_split_are_published_only_when_asked_for(output: OutputFolder, with_removed: bool) -> None:
    found = contents(output, {}, with_removed=with_removed)
    removed = {"_removed/removed-00000-of-00001.parquet"} if with_removed else set[str]()
    assert found.names == {
        MANIFEST,
        "README.md",
        *(str(each["path"]) for each in [*TRAIN, *TEST]),
        *removed,
    }


@pytest.mark.parametrize("path", ["/mnt/shelf/items", "s3://shelf/items"])
def test_a_text_that_names_what_the_output_was_made_from_is_refused(output: OutputFolder, path: str) -> None:
    config = {"items": path, "seed": 42, "splits": ["train"]}
    contents(output, config, with_removed=False)
    for text in (f"made from {path}", f"({path}/data/x)"):
        (Path(output.root) / "README.md").write_text(text)
        with pytest.raises(UsageError, match=f"README.md names a path of this machine: {path}"):
            contents(output, config, with_removed=False)
    for text in (f"{path}-2", f"https://x.org{path}", "items"):  # other paths
        (Path(output.root) / "README.md").write_text(text)
        contents(output, config, with_removed=False)


@pytest.mark.parametrize("path", ["../escape", "data/../../escape", "plan.json", "/data/x"])
def test_a_manifest_that_names_other_files_is_none_of_this_program(path: str) -> None:
    with pytest.raises(ValueError, match="it names a file that no output has"):
        rows_files(sealed(SetManifest({}, [file(path, 1)], {})))


def test_a_manifest_of_somebody_else_is_none() -> None:
    for content in (b"", b"{}", b'{"path": "data/x", "sha256": "y", "size_bytes": 1}', b"not json"):
        with pytest.raises(ValueError, match="it has no checksum at its end"):
            rows_files(content)
