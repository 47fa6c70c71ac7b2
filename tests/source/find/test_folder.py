"""A folder's files are found in every layout. What would lose or mix up rows is an error that names it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from job.errors import UsageError
from job.source.files import CategorySource
from job.source.find.folder import find_categories
from job.source.location import LocalFile

HUB_JSONL = "raw/meta_categories"


def put(root: Path, *names: str) -> Path:
    """Makes files whose content is their own name, since nothing reads them here."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 5)
    return root


def names(sources: list[CategorySource]) -> dict[str, tuple[str, list[str]]]:
    return {source.category: (source.file_format, [file.name for file in source.files]) for source in sources}


def refused(root: Path, *wanted: str) -> str:
    with pytest.raises(UsageError) as raised:
        find_categories(root, wanted)
    return str(raised.value)


def test_the_hub_layout(tmp_path: Path) -> None:
    books = [f"raw_meta_Books/full-0000{number}-of-00002.parquet" for number in (0, 1)]
    put(tmp_path, f"{HUB_JSONL}/meta_Appliances.jsonl", f"{HUB_JSONL}/meta_Musical_Instruments.jsonl.gz", *books)
    assert names(find_categories(tmp_path, [])) == {
        "Appliances": ("jsonl", [f"{HUB_JSONL}/meta_Appliances.jsonl"]),
        "Books": ("parquet", books),
        "Musical_Instruments": ("jsonl", [f"{HUB_JSONL}/meta_Musical_Instruments.jsonl.gz"]),
    }


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("meta_Gift_Cards.jsonl", "jsonl"),
        ("Gift_Cards.jsonl", "jsonl"),
        ("meta_Gift_Cards.jsonl.gz", "jsonl"),
        ("Gift_Cards.jsonl.zst", "jsonl"),
        ("Gift_Cards.parquet", "parquet"),
        ("raw_meta_Gift_Cards.parquet", "parquet"),
        ("meta_Gift_Cards.parquet", "parquet"),
        ("Gift_Cards-00000-of-00001.parquet", "parquet"),
        ("raw_meta_Gift_Cards-00000-of-00001.parquet", "parquet"),
        ("raw_meta_Gift_Cards/full-00000-of-00001.parquet", "parquet"),
        ("raw_meta_Gift_Cards/train-00000-of-00001.parquet", "parquet"),
        ("raw_meta_Gift_Cards/full.parquet", "parquet"),
        (f"{HUB_JSONL}/meta_Gift_Cards.jsonl", "jsonl"),
        (f"{HUB_JSONL}/meta_Gift_Cards.jsonl.zst", "jsonl"),
    ],
)
def test_every_name_tells_category_and_format(tmp_path: Path, name: str, file_format: str) -> None:
    put(tmp_path, name)
    assert names(find_categories(tmp_path, [])) == {"Gift_Cards": (file_format, [name])}
    assert names(find_categories(tmp_path, ["Gift_Cards"])) == {"Gift_Cards": (file_format, [name])}


@pytest.mark.parametrize(
    ("name", "category", "file_format"),
    [
        ("meta_Books.jsonl", "Books", "jsonl"),
        ("Books.jsonl.gz", "Books", "jsonl"),
        ("Books.jsonl.zst", "Books", "jsonl"),
        ("Books.parquet", "Books", "parquet"),
        ("Books-00000-of-00001.parquet", "Books", "parquet"),
    ],
)
def test_a_file_may_be_the_source(tmp_path: Path, name: str, category: str, file_format: str) -> None:
    put(tmp_path, name, "Other.jsonl", "Books.txt")
    (source,) = find_categories(tmp_path / name, [])
    assert (source.category, source.file_format) == (category, file_format)
    assert [(file.name, file.location) for file in source.files] == [(name, LocalFile(tmp_path / name))]


def test_one_shard_of_several_is_not_a_source(tmp_path: Path) -> None:
    put(tmp_path, "Books-00000-of-00002.parquet", "Books-00001-of-00002.parquet")
    assert "00001-of-00002" in refused(tmp_path / "Books-00000-of-00002.parquet")


def test_a_file_of_another_kind_is_not_a_source(tmp_path: Path) -> None:
    put(tmp_path, "Books.csv")
    assert "neither JSONL (.jsonl, .jsonl.gz, .jsonl.zst) nor Parquet" in refused(tmp_path / "Books.csv")


def test_other_files_are_ignored(tmp_path: Path) -> None:
    put(tmp_path, "README.md", "Books.jsonl", "Toys.jsonl.123.part", "Games.json", "Films.csv.gz", "other/Music.jsonl")
    put(tmp_path, "Folder.jsonl/x.txt", "raw_meta_Empty/.gitattributes", "raw/other/meta_Art.jsonl")
    assert names(find_categories(tmp_path, [])) == {"Books": ("jsonl", ["Books.jsonl"])}


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "blobs", "0a1b2c", "3d4e5f")
    hub = put(tmp_path / "hub", "raw_meta_Books/README.md", "raw/README.md")
    (hub / "raw_meta_Books/full-00000-of-00001.parquet").symlink_to(tmp_path / "blobs/0a1b2c")
    (hub / "Toys.jsonl").symlink_to("../blobs/3d4e5f")
    sources = find_categories(hub, [])
    assert names(sources) == {
        "Books": ("parquet", ["raw_meta_Books/full-00000-of-00001.parquet"]),
        "Toys": ("jsonl", ["Toys.jsonl"]),
    }
    assert [source.size_bytes for source in sources] == [30, 30]


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "far", "shards/full-00000-of-00001.parquet", "jsonl/meta_Toys.jsonl")
    hub = tmp_path / "hub"
    (hub / "raw").mkdir(parents=True)
    (hub / "raw_meta_Books").symlink_to(tmp_path / "far/shards")
    (hub / HUB_JSONL).symlink_to(tmp_path / "far/jsonl")
    (tmp_path / "link").symlink_to(hub)
    for root in (hub, tmp_path / "link"):
        assert names(find_categories(root, [])) == {
            "Books": ("parquet", ["raw_meta_Books/full-00000-of-00001.parquet"]),
            "Toys": ("jsonl", [f"{HUB_JSONL}/meta_Toys.jsonl"]),
        }


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "Books.jsonl").symlink_to(tmp_path / "gone")
    assert f"a symbolic link that leads nowhere: {tmp_path / 'Books.jsonl'}" in refused(tmp_path)


@pytest.mark.parametrize("parquet", ["raw_meta_Books/full-00000-of-00001.parquet", "Books.parquet"])
@pytest.mark.parametrize("jsonl", [f"{HUB_JSONL}/meta_Books.jsonl", "Books.jsonl", "Books.jsonl.gz"])
def test_parquet_is_preferred_over_jsonl(tmp_path: Path, parquet: str, jsonl: str) -> None:
    put(tmp_path, parquet, jsonl)
    assert names(find_categories(tmp_path, ["Books"])) == {"Books": ("parquet", [parquet])}


def test_plain_jsonl_is_preferred_over_packed(tmp_path: Path) -> None:
    put(tmp_path, "Books.jsonl.gz", "Books.jsonl", "Books.jsonl.zst")
    (source,) = find_categories(tmp_path, [])
    assert [file.name for file in source.files] == ["Books.jsonl"]
    assert not source.is_packed


@pytest.mark.parametrize("name", ["Books.jsonl.gz", "Books.jsonl.zst"])
def test_packed_jsonl_is_recognised_by_its_name(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    (source,) = find_categories(tmp_path, [])
    assert source.is_packed


@pytest.mark.parametrize(
    "both",
    [
        ("Books.jsonl.gz", "Books.jsonl.zst"),
        ("Books.jsonl", "meta_Books.jsonl"),
        ("Books.jsonl", f"{HUB_JSONL}/meta_Books.jsonl"),
        ("Books.parquet", "raw_meta_Books/full.parquet"),
    ],
)
def test_two_files_that_may_be_the_category_are_both_named(tmp_path: Path, both: tuple[str, str]) -> None:
    put(tmp_path, *both)
    message = refused(tmp_path)
    assert message.startswith("Books: more than one")
    assert str(tmp_path) in message
    assert all(name in message for name in both)


def test_shards_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    shards = [f"raw_meta_Books/full-{number:05d}-of-00012.parquet" for number in range(12)]
    put(tmp_path, *reversed(shards))
    assert names(find_categories(tmp_path, [])) == {"Books": ("parquet", shards)}


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([1, 2], "1 of 3 missing: 00000-of-00003\n"),
        ([0, 1], "1 of 3 missing: 00002-of-00003\n"),
        ([1], "2 of 3 missing: 00000-of-00003, 00002-of-00003\n"),
    ],
)
@pytest.mark.parametrize("jsonl", [[], ["Books.jsonl"]], ids=["alone", "beside JSONL"])
@pytest.mark.parametrize("stem", ["raw_meta_Books/full", "Books"])
def test_a_set_with_shards_missing_is_an_error_that_names_them(
    tmp_path: Path, stem: str, jsonl: list[str], there: list[int], missing: str
) -> None:
    put(tmp_path, *(f"{stem}-{number:05d}-of-00003.parquet" for number in there), *jsonl)
    message = refused(tmp_path)
    assert missing in message
    assert str((tmp_path / stem).parent) in message


def test_the_first_of_many_missing_shards_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    put(tmp_path, "raw_meta_Books/full-00003-of-00010.parquet")
    message = refused(tmp_path)
    assert "9 of 10 missing" in message
    assert "00005-of-00010 and 4 more" in message
    assert "00006-of-00010" not in message


@pytest.mark.parametrize("second", ["full-00000-of-00002", "full-00001-of-00002"])
def test_shards_of_two_sets_are_refused(tmp_path: Path, second: str) -> None:
    put(tmp_path, "raw_meta_Books/full-00000-of-00001.parquet", f"raw_meta_Books/{second}.parquet")
    message = refused(tmp_path)
    assert "raw_meta_Books/full-*-of-00001.parquet, raw_meta_Books/full-*-of-00002.parquet" in message
    assert str(tmp_path) in message


def test_a_shard_beyond_its_set_is_refused(tmp_path: Path) -> None:
    put(tmp_path, *(f"raw_meta_Books/full-{number:05d}-of-00002.parquet" for number in (0, 1, 2)))
    message = refused(tmp_path)
    assert "shard 00002 of a set of 2" in message
    assert str(tmp_path / "raw_meta_Books/full-00002-of-00002.parquet") in message


def test_errors_of_other_categories_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, "raw_meta_Books/full-00000-of-00002.parquet", "Toys.jsonl")
    (tmp_path / "Games.jsonl").touch()
    assert names(find_categories(tmp_path, ["Toys"])) == {"Toys": ("jsonl", ["Toys.jsonl"])}
    assert "00001-of-00002" in refused(tmp_path, "Toys", "Books")


def test_a_category_folder_may_be_the_source(tmp_path: Path) -> None:
    shards = [f"full-0000{number}-of-00002.parquet" for number in (0, 1)]
    root = put(tmp_path / "raw_meta_Books", *shards)
    assert names(find_categories(root, [])) == {"Books": ("parquet", shards)}
    assert "did you mean Books?" in refused(root, "Bocks")


def test_a_category_folder_without_all_shards_is_an_error_too(tmp_path: Path) -> None:
    root = put(tmp_path / "raw_meta_Books", "full-00001-of-00002.parquet")
    assert "00000-of-00002" in refused(root)


@pytest.mark.parametrize("stem", ["full", "train", "data"])
def test_shards_in_a_folder_that_does_not_say_their_category_either_need_its_name(tmp_path: Path, stem: str) -> None:
    root = put(tmp_path / "_new", f"{stem}-00000-of-00001.parquet")
    assert "--category NAME" in refused(root)
    assert "--category NAME" in refused(root / f"{stem}-00000-of-00001.parquet")
    expected = {"Books": ("parquet", [f"{stem}-00000-of-00001.parquet"])}
    assert names(find_categories(root, ["Books"])) == expected
    assert names(find_categories(root / f"{stem}-00000-of-00001.parquet", ["Books"])) == expected


def test_shards_without_a_category_are_not_given_to_another_one(tmp_path: Path) -> None:
    put(tmp_path, "full-00000-of-00001.parquet", "Books.jsonl")
    assert names(find_categories(tmp_path, ["Books"])) == {"Books": ("jsonl", ["Books.jsonl"])}
    assert "no category 'Toys'" in refused(tmp_path, "Books", "Toys")


def test_categories_are_in_the_order_wanted_or_sorted_by_name(tmp_path: Path) -> None:
    put(tmp_path, "Toys.jsonl", "Books.jsonl", "raw_meta_Games/full-00000-of-00001.parquet")
    assert list(names(find_categories(tmp_path, []))) == ["Books", "Games", "Toys"]
    assert list(names(find_categories(tmp_path, ["Toys", "Books"]))) == ["Toys", "Books"]


@pytest.mark.parametrize("typed", ["Musical_Instrument", "musical_instruments", "Music_Instruments"])
def test_an_unknown_category_names_the_nearest(tmp_path: Path, typed: str) -> None:
    put(tmp_path, "Musical_Instruments.jsonl", "Books.jsonl")
    message = refused(tmp_path, typed)
    assert f"no category {typed!r} in {tmp_path}; did you mean Musical_Instruments?" in message


def test_an_unknown_category_without_similar_ones_lists_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, "Toys.jsonl", "Books.jsonl")
    assert refused(tmp_path, "Appliances").endswith("it has: Books, Toys")


def test_a_source_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    put(tmp_path / "catalogue", "Books.jsonl")
    message = refused(tmp_path / "catalog")
    assert f"source not found: {tmp_path / 'catalog'}; did you mean catalogue?" in message
    assert message.endswith(f"\nto read that: --source {tmp_path / 'catalogue'}")
    assert "source not found" in refused(tmp_path / "neither/nor")


@pytest.mark.parametrize("typed", ["out/catalog", "otu/catalogue", "otu/catlogue", "out/Catalogues"])
def test_no_command_repeats_a_slip_in_the_name_of_a_source(
    tmp_path: Path, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "out/catalogue", "Books.jsonl")
    monkeypatch.chdir(tmp_path)
    first, *commands = refused(Path(typed)).splitlines()
    assert first.startswith(f"source not found: {typed}; did you mean ")
    assert commands == ["to read that: --source out/catalogue"]


def test_a_source_with_no_similar_name_may_be_on_the_hub_or_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(Path("someone/listings")).splitlines()[1:] == [
        "for the data set on the Hub: --set source.dataset=someone/listings --category NAME",
        "to make a sample: curate sample someone/listings",
    ]


def test_a_folder_without_catalogue_files_says_what_was_looked_for(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    message = refused(tmp_path)
    assert f"{tmp_path} has no catalogue files" in message
    assert all(
        file_format in message
        for file_format in (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", "raw_meta_<Category>")
    )


@pytest.mark.parametrize(
    "name", ["Books.jsonl", "Books.jsonl.gz", "Books.parquet", "raw_meta_Books/full-00000-of-00001.parquet"]
)
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name) / name
    path.write_bytes(b"")
    assert f"empty (0 bytes): {path}" in refused(tmp_path)


SIZE = 300_000


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "Books.jsonl"
    path.write_bytes(bytes(index % 251 for index in range(SIZE)))
    return path


def identity(path: Path) -> tuple[int, str]:
    (source,) = find_categories(path.parent, [])
    (file,) = source.files
    assert source.size_bytes == file.size_bytes
    return file.size_bytes, file.fingerprint


@pytest.mark.parametrize("changed", [0, 1_000, 65_535, SIZE - 65_536, SIZE - 1_000, SIZE - 1])
def test_a_change_in_a_file_s_head_or_tail_changes_its_fingerprint(big: Path, changed: int) -> None:
    size, before = identity(big)
    data = bytearray(big.read_bytes())
    data[changed] ^= 1
    big.write_bytes(data)
    assert identity(big)[0] == size
    assert identity(big)[1] != before


@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE])
def test_a_change_in_a_file_s_size_changes_its_identity(big: Path, at: int) -> None:
    before = identity(big)
    data = big.read_bytes()
    big.write_bytes(data[:at] + b"\n" + data[at:])
    assert identity(big)[0] == SIZE + 1
    assert identity(big) != before


@pytest.mark.parametrize("size", [1, 2, 65_535, 65_536, 65_537, 131_071, 131_072])
def test_at_any_size_each_byte_changes_the_fingerprint(tmp_path: Path, size: int) -> None:
    path = tmp_path / "Books.jsonl"
    places = {0, size // 2, size - 1}
    path.write_bytes(bytes(size))
    seen = {identity(path)[1]}
    for changed in places:
        data = bytearray(size)
        data[changed] = 1
        path.write_bytes(data)
        seen.add(identity(path)[1])
    assert len(seen) == 1 + len(places)


def test_the_fingerprint_does_not_depend_on_the_path(big: Path, tmp_path: Path) -> None:
    other = tmp_path / "far/away"
    other.mkdir(parents=True)
    (other / "meta_Toys.jsonl").write_bytes(big.read_bytes())
    assert identity(other / "meta_Toys.jsonl") == identity(big)
    assert re.fullmatch(r"[0-9a-f]{64}", identity(big)[1])


def test_two_files_for_the_same_shard_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "raw_meta_Books"
    folder.mkdir()
    (folder / "train-00000-of-00001.parquet").write_bytes(b"a")
    (folder / "test-00000-of-00001.parquet").write_bytes(b"b")
    with pytest.raises(UsageError, match="more than one file or set"):
        find_categories(tmp_path, [])


def test_halves_of_two_sets_are_not_one_set(tmp_path: Path) -> None:
    folder = tmp_path / "raw_meta_Books"
    folder.mkdir()
    (folder / "train-00000-of-00002.parquet").write_bytes(b"a")
    (folder / "full-00001-of-00002.parquet").write_bytes(b"b")
    with pytest.raises(UsageError, match="more than one file or set"):
        find_categories(tmp_path, [])


def test_shards_beside_a_single_file_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "raw_meta_Books"
    folder.mkdir()
    (folder / "full-00000-of-00001.parquet").write_bytes(b"a")
    (tmp_path / "Books.parquet").write_bytes(b"b")
    with pytest.raises(UsageError, match="more than one file or set"):
        find_categories(tmp_path, [])


@pytest.mark.parametrize("name", ["...jsonl", "_hid.jsonl", "q?.jsonl", "G[1].parquet", "default.jsonl", "a\\b.jsonl"])
def test_a_name_that_cannot_be_a_category_s_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    if name.startswith("."):
        assert "has no catalogue files" in refused(tmp_path)
    else:
        assert "is no category's name" in refused(tmp_path)


def test_hidden_files_are_not_categories(tmp_path: Path) -> None:
    put(tmp_path, "._Books.jsonl", ".Toys.jsonl", "Books.jsonl")
    assert names(find_categories(tmp_path, [])) == {"Books": ("jsonl", ["Books.jsonl"])}


def test_shards_without_a_category_are_not_ignored_silently(tmp_path: Path) -> None:
    put(tmp_path, "full-00000-of-00001.parquet", "Games.jsonl")
    assert "do not say which category" in refused(tmp_path)
    assert names(find_categories(tmp_path, ["Games"])) == {"Games": ("jsonl", ["Games.jsonl"])}


def test_reviews_are_not_taken_for_items(tmp_path: Path) -> None:
    put(tmp_path, "Toys.jsonl", "meta_Toys.jsonl.gz")
    assert "Toys.jsonl, meta_Toys.jsonl.gz" in refused(tmp_path)


@pytest.mark.parametrize("name", ["Toys.jsonl", "Toys.parquet", "Toys.jsonl.gz"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    put(tmp_path, "Books.jsonl")
    os.mkfifo(tmp_path / name)
    assert refused(tmp_path).startswith(f"a pipe or a device, and no file: {tmp_path / name}\n")
    assert refused(tmp_path / name).startswith(f"a pipe or a device, and no file: {tmp_path / name}\n")


def test_a_pipe_that_may_be_no_catalogue_file_is_not_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "Books.jsonl")
    os.mkfifo(tmp_path / "Toys.json")
    assert names(find_categories(tmp_path, [])) == {"Books": ("jsonl", ["Books.jsonl"])}
