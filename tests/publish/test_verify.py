"""`curate verify` of what is published, and of a folder that was downloaded: everything that differs is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Curate
from tests.output.made import MadeOutput, item
from tests.publish.conftest import NAME, made_output
from tests.servers.hub import Hub

ADDRESS = f"hf://datasets/{NAME}"
SHARD = "data/Kettles/items-00001-of-00003.parquet"


@pytest.fixture
def copy(writable: Hub, out: Path, tmp_path: Path, curate: Curate) -> Path:
    """A downloaded copy of what was published."""
    assert curate("push", out, NAME).exit_code == 0
    for name, content in writable.files(NAME).items():
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "copy"


def test_what_was_published_is_intact_and_its_shards_are_not_downloaded(
    writable: Hub, copy: Path, curate: Curate
) -> None:
    writable.forget()
    assert curate("verify", ADDRESS).out == "intact: 6 files, 90 items\n"
    assert curate("verify", f"{ADDRESS}@main").out == "intact: 6 files, 90 items\n"
    assert {request.method for request in writable.requests if request.server == "cdn"} == {"GET"}
    assert all(request.range for request in writable.requests if request.server == "cdn")  # their footers alone


def test_a_downloaded_folder_is_intact(copy: Path, curate: Curate) -> None:
    assert curate("verify", copy).out == "intact: 5 files, 90 items\n"  # the Hub's own file begins with a dot


def test_names_of_any_letters_are_published_and_verified(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    output = MadeOutput(tmp_path / "out")
    output.add("Küche", [[item("K1", "kettle Ä")] * 50])
    assert curate("push", output.close(), NAME).exit_code == 0
    assert curate("verify", ADDRESS).out == "intact: 4 files, 50 items\n"


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CHANGES = {"unlink": Path.unlink, "touch": Path.touch, "append": _append, "flip": _flip}


@pytest.mark.parametrize("where", ["folder", "hub"])
@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (SHARD, "unlink", f"{SHARD}: missing"),
        (SHARD, "append", f"{SHARD}: 2,705 bytes, and 2,704 were written"),
        (SHARD, "flip", f"{SHARD}: its bytes are not those that were written"),
        ("manifest.json", "flip", "manifest.json: its checksum does not match"),
        ("README.md", "unlink", "README.md: missing; without it nobody knows which files hold the rows"),
        ("data/Kettles/more.parquet", "touch", "data/Kettles/more.parquet: belongs to nothing"),
        ("plan.txt", "touch", "plan.txt: belongs to nothing"),
    ],
)
def test_what_differs_is_named(
    writable: Hub, copy: Path, curate: Curate, where: str, name: str, change: str, says: str
) -> None:
    CHANGES[change](copy / name)
    writable.put(NAME, copy)
    result = curate("verify", copy if where == "folder" else ADDRESS)
    assert (result.exit_code, says in result.err.splitlines()) == (1, True), result.err


def test_a_small_file_that_the_hub_has_no_sha256_of_is_read(writable: Hub, copy: Path, curate: Curate) -> None:
    writable.lfs_bytes = 1_000_000
    assert curate("verify", ADDRESS).out == "intact: 6 files, 90 items\n"
    shutil.copy(copy / SHARD.replace("00001-of", "00002-of"), copy / SHARD)
    writable.put(NAME, copy)
    assert f"{SHARD}: 2,647 bytes, and 2,704 were written" in curate("verify", ADDRESS).err


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("hf://models/a/b", "is not the address of a data set on the Hub"),
        ("hf://datasets/a", "is not the address of a data set on the Hub"),
        ("hf://datasets/a/b/data/x.parquet", "is not the address of a data set on the Hub"),
        ("hf://datasets/a--b/c", "no data set on the Hub can be called"),
        ("hf://datasets/a/absent", "there is no such data set on the Hub, or it is private"),
        (f"{ADDRESS}@v9", "no such branch, tag or commit"),
    ],
)
def test_an_address_that_is_none_is_wrong_input(copy: Path, curate: Curate, address: str, says: str) -> None:
    result = curate("verify", address)
    assert (result.exit_code, says in result.err) == (2, True), result.err


def test_a_data_set_of_somebody_else_is_said_to_have_no_manifest(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "other").mkdir()
    pq.write_table(pq.read_table(made_output(tmp_path / "o") / SHARD), tmp_path / "other/x.parquet")
    commit = writable.put("some/other", tmp_path / "other")
    result = curate("verify", "hf://datasets/some/other")
    assert (result.exit_code, result.err) == (
        2,
        f"error: some/other at {commit[:8]} was not published by this program: it has no manifest.json\n"
        "to publish an output: curate push OUT OWNER/NAME\n",
    )


def test_the_source_of_what_is_published_is_not_known(copy: Path, curate: Curate) -> None:
    assert curate("verify", ADDRESS, "--source").exit_code == 2
