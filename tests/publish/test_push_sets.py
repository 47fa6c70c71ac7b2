"""`curate push` and `curate verify` of training sets: exactly the splits, and nothing of this machine."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.full_card import full_card
from tests.conftest import Curate, tree
from tests.export.made import item_2024, item_2025, make_items, make_set, rows_of
from tests.publish.conftest import NAME, TOKEN, made_output
from tests.publish.test_killed import environment
from tests.servers.hub import Hub

ADDRESS = f"hf://datasets/{NAME}"
SPLITS: dict[str, dict[str, int]] = {
    "course-2024": {"train": 60, "validation": 10, "test": 20},
    "course-2025": {"train": 50, "validation": 10, "test": 20},
    "default": {"train": 70, "validation": 8, "test": 12},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "course-2024": {"preset": "course-2024", "splits": SPLITS["course-2024"]},
    "course-2025": {"preset": "course-2025", "sample": {"size": 80}, "splits": SPLITS["course-2025"]},
    "default": {"splits": SPLITS["default"]},
}

READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
found = datasets.load_dataset(sys.argv[1])
print(json.dumps({name: rows.to_list() for name, rows in found.items()}))
"""


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("output.training_set.plan", "gather.parcels"):
        monkeypatch.setattr(f"job.{module}.ROWS_PER_SHARD", 25)


def made_set(folder: Path, kind: str, **more: Any) -> Path:
    """Makes a set of 100 items below a folder."""
    folder.mkdir(exist_ok=True)
    make, recipe = (item_2025, "course-2025") if kind == "course-2025" else (item_2024, "course-2024")
    rows = [make(number, number + 1.5) for number in range(100)]
    if not (folder / "items").exists():
        make_items(folder / "items", recipe, {"Appliances": rows[:45], "Automotive": rows[45:]})
    return make_set(folder / "items", folder / f"set-{len([*folder.iterdir()])}", **{**SETTINGS[kind], **more})


def sent_files(training_set: Path, *, with_removed: bool = False) -> dict[str, bytes]:
    """Returns the files that a push has to send, but for the card."""
    folders = ("data/", "_removed/") if with_removed else ("data/",)
    return {
        name: content for name, content in tree(training_set).items() if name.startswith(folders) or name == MANIFEST
    }


def published(hub: Hub, training_set: Path, *, with_removed: bool = False) -> None:
    """Checks that the Hub has this set, byte for byte, and nothing else."""
    files = hub.files(NAME)
    del files[".gitattributes"]
    assert files.pop(CARD).startswith((training_set / CARD).read_bytes())
    assert files == sent_files(training_set, with_removed=with_removed)


def downloaded(hub: Hub, folder: Path) -> Path:
    for name, content in hub.files(NAME).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_set_is_published_with_nothing_of_this_machine_and_intact(
    writable: Hub, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "desk-of-annabelle")
    monkeypatch.setenv("LOGNAME", "annabelle-user")
    made = made_set(tmp_path / "secret-shelf", kind)
    assert curate("push", made, NAME).exit_code == 0
    published(writable, made)
    sent = list(writable.files(NAME).values())
    for path, body in writable.bodies:
        sent += [path.encode(), body]
        if "commit" in path or "preupload" in path:
            sent += [base64.b64decode(text) for text in re.findall(rb'"(?:content|sample)": "([^"]*)"', body)]
    secrets = ["secret-shelf", str(tmp_path), str(Path.home()), "desk-of-annabelle", "annabelle-user", TOKEN]
    assert not [secret for secret in secrets for content in sent if secret.encode() in content]
    assert not [name for name in writable.files(NAME) if name.startswith("_") or name == PLAN]
    counts = ", ".join(f"{count} rows of {name}" for name, count in SPLITS[kind].items())
    assert curate("verify", ADDRESS).out == f"intact: {len(writable.files(NAME))} files, {counts}\n"
    copy = downloaded(writable, tmp_path / "copy")
    assert curate("verify", copy).out == f"intact: {len(writable.files(NAME)) - 1} files, {counts}\n"
    lost = copy / "data/test-00000-of-00001.parquet"
    lost.unlink()
    result = curate("verify", copy)
    assert (result.exit_code, f"{lost.relative_to(copy)}: missing" in result.err.splitlines()) == (1, True)


def test_fewer_shards_and_a_split_less_leave_no_old_rows_behind(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    first = made_set(tmp_path / "shelf", "default")
    assert curate("push", first, NAME, "--with-removed").exit_code == 0
    published(writable, first, with_removed=True)
    assert len([name for name in writable.files(NAME) if name.startswith("_removed/")]) == 1
    again = curate("push", first, NAME, "--with-removed")
    assert again.out.splitlines()[0] == f"nothing to send: {NAME} has all of it already"
    fewer = made_set(tmp_path / "shelf", "default", splits={"train": 30, "validation": 0, "test": 10})
    result = curate("push", fewer, NAME)
    assert (result.exit_code, result.out.splitlines()[0]) == (0, f"published {NAME}: 5 files sent, 5 deleted")
    published(writable, fewer)
    assert sorted(writable.files(NAME)) == [
        ".gitattributes",
        "README.md",
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "manifest.json",
    ]
    items = curate("push", tmp_path / "shelf/items", NAME)  # of another kind, and an earlier push all the same
    assert (items.exit_code, [name for name in writable.files(NAME) if "train" in name]) == (0, []), items.err


def test_a_card_that_was_edited_on_the_hub_is_not_overwritten(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    made = made_set(tmp_path / "shelf", "default")
    assert curate("push", made, NAME).exit_code == 0
    for number, edit in enumerate((lambda card: card + b"\nMine.\n", lambda card: card.replace(b"100 items", b"9"))):
        copy = downloaded(writable, tmp_path / f"copy-{number}")
        (copy / CARD).write_bytes(edit((copy / CARD).read_bytes()))
        writable.put(NAME, copy)
        result = curate("push", made, NAME)
        assert (result.exit_code, f"edited there: {CARD}\n" in result.err) == (4, True)
        assert curate("push", made, NAME, "--replace").out.splitlines()[0] == f"published {NAME}: 1 file sent"


def test_a_set_that_is_damaged_or_not_complete_is_not_published(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    made = made_set(tmp_path / "shelf", "default")
    shard = made / "data/test-00000-of-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    result = curate("push", made, NAME)
    assert (result.exit_code, f"{shard.relative_to(made)}: its bytes are not those" in result.err) == (1, True)
    unfinished = made_set(tmp_path / "shelf", "default")
    (unfinished / MANIFEST).unlink()
    (unfinished / "_partitions/test/00000.json").unlink()
    result = curate("push", unfinished, NAME)
    assert (result.exit_code, f"{unfinished} is not complete" in result.err) == (1, True), result.err
    assert writable.bodies == []


def test_the_card_of_todays_items_is_taken_for_our_own(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    """It names what stands in the plan alone, so it does not follow from what is published."""
    for name, shards in (("first", (40, 30)), ("second", (40,))):
        folder = OutputFolder(made_output(tmp_path / name, shards))
        plan, manifest = folder.plan(), folder.manifest()
        assert plan is not None
        assert manifest is not None
        plan = msgspec.structs.replace(plan, program="1.2.3")
        folder.write_json(PLAN, plan)
        folder.write(CARD, full_card(plan, manifest))
        result = curate("push", tmp_path / name, NAME)
        assert (result.exit_code, result.err.count("error")) == (0, 0), result.err
    assert result.out.splitlines()[0] == f"published {NAME}: 3 files sent, 2 deleted"
    assert b"By curate 1.2.3, with the recipe made, version 1." in writable.files(NAME)[CARD]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SETTINGS)
def test_load_dataset_reads_exactly_the_splits(writable: Hub, tmp_path: Path, curate: Curate, kind: str) -> None:
    made = made_set(tmp_path / "shelf", kind)
    smaller = made_set(tmp_path / "shelf", kind, splits={"train": 30, "validation": 0, "test": 20})
    for number, (each, flags) in enumerate(((made, ["--with-removed"]), (smaller, []))):
        assert curate("push", each, NAME, *flags).exit_code == 0
        read = subprocess.run(
            [sys.executable, "-c", READ, NAME],
            env=environment(writable, tmp_path / f"reader-{number}"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert read.returncode == 0, read.stderr
        splits = json.loads(read.stdout.splitlines()[-1])
        assert {name: len(rows) for name, rows in splits.items()} == (
            SPLITS[kind] if each is made else {"train": 30, "test": 20}
        )
        assert splits == {name: rows_of(each, name) for name in splits}
