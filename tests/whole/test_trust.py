"""What comes from outside is only ever data: no name leads out of the output folder, nothing of it is run, unpacked as
an object or shown raw, and nobody on a network is asked by a run that reads a folder."""

from __future__ import annotations

import ast
import fcntl
import gzip
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import msgspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from job.config.load import load_config
from job.errors import CurateError, UsageError, printable
from job.output.card import card
from job.output.folder import sealed
from job.output.lock.owner import Owner
from job.output.records import CategoryTotals, Plan, Record, complete
from job.recipe.verdicts import KEPT, MALFORMED
from job.run import run_job
from job.source.find import hub
from job.source.find.layout import choose_files
from tests.conftest import Curate, Result, tree
from tests.paths import PACKAGE

DESCRIPTION = "A lamp of oak and brass that stands on any desk and gives a warm light for many quiet evenings. " * 9
COMMANDS = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f"
"""What a terminal would obey: another title, an empty screen, another colour, a step back."""
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = f"a{COMMANDS}\u202eb"


def row(title: str = "a lamp") -> str:
    return json.dumps({"title": title, "price": 5, "description": [DESCRIPTION]}) + "\n"


def columns(rows: int = 2) -> dict[str, Any]:
    """A Parquet file's columns."""
    texts = pa.array([[DESCRIPTION]] * rows, pa.list_(pa.string()))
    plain = {"title": "a lamp", "price": "5", "parent_asin": "a", "details": "{}"}
    return {**{name: pa.array([text] * rows) for name, text in plain.items()}, "description": texts, "features": texts}


def shown_only(text: str) -> bool:
    """Tells whether text has nothing that a terminal would obey, newlines apart."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in DIRECTIONS
        for character in text.replace("\n", "")
    )


def refused(result: Result, *words: str, codes: tuple[int, ...] = (2,)) -> None:
    """Checks that a command ended with one clear error, which is safe to look at."""
    assert result.exit_code in codes, result
    assert result.err.count("error: ") == 1
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert shown_only(result.err), result.err
    assert result.out == ""
    for word in words:
        assert word in result.err, result.err


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a category, of which a row is malformed and the titles are hostile."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "Toys.jsonl").write_text(row(HOSTILE) * 2 + f"broken {COMMANDS}\n")
    return folder


@pytest.fixture(scope="module")
def finished(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("finished") / "out"
    run_job(load_config(None, {"source.path": str(source), "output": str(output)}), quiet=True)
    return output


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A finished output of one's own."""
    return shutil.copytree(finished, tmp_path / "done")


# --- names of categories

REFUSED_NAMES = [
    *["", ".", "..", "../x", "../../x", "/etc/x", "a/b", "a/../b", "a..b", "a\\b", "..\\x", ".hidden", "_x", "-x"],
    *[
        "--fresh",
        "~root",
        " a",
        "a ",
        "a\nb",
        "a\n",
        "a\tb",
        "a\rb",
        "a\u2028b",
        "a\u00a0b",
        'a"b',
        "`a`",
        "a$b",
        "$(a)",
    ],
    *["a|b", "<script>", "a<b>", "[red]a[/red]", "a[b]", "a{b}", "a*", "a?", "a:b", "a;b", "a#b", "a%2fb", "default"],
    *["a\x1b]0;owned\x07", "a\x9b31m", "a\x08b", "a\x7f", "a\u202eb", "\u200ba", "\ufeffa", "L" * 300, "é" * 101],
]
ODD_NAMES = [
    *["Café_漢字", "Toys & Games, (used) 1.5+", "it's", "null", "true", "1e3", "2024-01-01", "0x1F", "CON", "a-b"],
    *["No", "nul.txt", "N" * 200],
]


def name_id(name: str) -> str:
    return ascii(name)[:24]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=name_id)
def test_a_category_named_to_lead_elsewhere_or_to_be_obeyed_is_refused(
    tmp_path: Path, curate: Curate, name: str
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "full-00000-of-00001.parquet").touch()  # which is whatever category is asked for
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"categories": [name], "source": {"path": str(folder)}}))
    before = tree(tmp_path)
    out = tmp_path / "a" / "b" / "out"
    refused(curate("run", "--source", folder, "--category", name, "--output", out), "is no category's name")
    refused(curate("run", tmp_path / "job.yaml", "--output", out), "is no category's name")
    loaded = "source.load_dataset={path: parquet, data_files: x}"
    refused(curate("run", "--set", loaded, "--category", name, "--output", out), "is no category's name")
    assert tree(tmp_path) == before
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("form", ["{}.jsonl", "meta_{}.jsonl.gz", "{}.parquet", "{}-00000-of-00001.parquet"])
@pytest.mark.parametrize("name", REFUSED_NAMES, ids=name_id)
def test_a_file_named_to_lead_elsewhere_or_to_be_obeyed_is_refused(
    tmp_path: Path, curate: Curate, name: str, file_format: str
) -> None:
    """On disk as far as it can have such a name, and as a name that a repository on the Hub may have."""
    file = file_format.format(name)
    if "meta_" in file_format and not name:
        return  # which is a file of the category `meta_`
    if name and "/" not in name and len(os.fsencode(file)) < 256:
        folder = tmp_path / "source"
        folder.mkdir()
        (folder / file).write_text(row())
        refused(curate("run", "--source", folder, "--output", tmp_path / "out"))
        refused(curate("run", "--source", folder, "--category", "Toys", "--output", tmp_path / "out"))
        assert not (tmp_path / "out").exists()
    for names in ([file], [f"raw/meta_categories/{file}"], [f"raw_meta_{name}/full-00000-of-00001.parquet"]):
        with pytest.raises(UsageError) as error:
            choose_files(names, [], "the Hub")
        assert shown_only(str(error.value))


@pytest.mark.parametrize("name", [HOSTILE, "a\nb", "a\udcff"], ids=name_id)
def test_a_file_with_a_hostile_name_in_a_category_s_folder_is_refused(
    tmp_path: Path, curate: Curate, name: str
) -> None:
    folder = tmp_path / "source/raw_meta_Toys"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns()), tmp_path / "plain.parquet")
    (tmp_path / "plain.parquet").rename(folder / f"{name}-00000-of-00001.parquet")
    result = curate("run", "--source", folder.parent, "--output", tmp_path / "out")
    refused(result, "control characters or bytes in its name", "rename it")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def odd(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of categories whose names are odd but allowed."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "source").mkdir()
    for name in ODD_NAMES:
        (folder / "source" / f"{name}.jsonl").write_text(row() + "broken\n")
    run_job(load_config(None, {"source.path": str(folder / "source"), "output": str(folder / "out")}), quiet=True)
    assert sorted(path.name for path in folder.iterdir()) == ["out", "source"]
    return folder / "out"


def test_an_odd_category_lies_in_folders_of_its_own_name_and_nowhere_else(odd: Path) -> None:
    for folder in ("data", "_rejects", "_partitions"):
        assert sorted(path.name for path in (odd / folder).iterdir()) == sorted(ODD_NAMES)
    assert {path.relative_to(odd).parts[0] for path in odd.rglob("*")} == {
        *["data", "_rejects", "_partitions", "plan.json", "manifest.json", "README.md", "_run.json"]
    }


def test_the_card_gives_an_odd_category_back_as_it_was(odd: Path) -> None:
    text = (odd / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    configs = yaml.safe_load(front)["configs"]
    assert [config["config_name"] for config in configs] == ["default", *sorted(ODD_NAMES)]
    assert [config["data_files"] for config in configs[1:]] == [f"data/{name}/*.parquet" for name in sorted(ODD_NAMES)]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in lines] == [4] * (len(ODD_NAMES) + 2)


@pytest.mark.parametrize("name", ODD_NAMES, ids=name_id)
def test_datasets_finds_an_odd_category_by_its_name(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    found = datasets.load_dataset(str(odd), name, split="train", cache_dir=str(tmp_path))
    assert isinstance(found, datasets.Dataset)
    assert found["category"] == [name]


def test_an_odd_category_is_named_in_status_verify_and_rejects(odd: Path, curate: Curate) -> None:
    status = curate("status", odd).out.splitlines()
    assert [line.partition(": 1 of 1 partitions")[0] for line in status[:-1]] == sorted(ODD_NAMES)
    listed = curate("rejects", odd).out.splitlines()
    assert [line.partition(".jsonl at ")[0] for line in listed[:-1]] == sorted(ODD_NAMES)
    assert curate("verify", odd).exit_code == 0


def test_the_command_to_go_on_with_an_odd_category_can_be_typed(odd: Path, tmp_path: Path, curate: Curate) -> None:
    out = shutil.copytree(odd, tmp_path / "out")
    left = "Toys & Games, (used) 1.5+"
    (out / "manifest.json").unlink()
    (out / "_partitions" / left / "00000.json").unlink()
    given = ("run", "--source", odd.parent / "source", "--output", out)
    last = curate(*given, "--category", "CON").out.splitlines()[-1]
    more = shlex.split(last.partition("the same command with ")[2])
    assert more == ["--category", left]
    assert curate(*given, *more).exit_code == 0
    assert "complete" in curate("status", out).out.splitlines()[-1]


def test_a_card_escapes_what_it_prints(tmp_path: Path) -> None:
    """Whatever gets as far as this: nothing of it is markup, another column or another line."""
    hostile = [
        "a|b",
        "a\n| forged | 1 | 1 |",
        "<script>alert(1)</script>",
        "[a](javascript:b)",
        "![a](b)",
        "`a`",
        "a&lt;",
    ]
    totals = {
        name: CategoryTotals(
            num_rows=1,
            num_items=1,
            funnel={KEPT: 1, MALFORMED: 0},
            damaged=[],
            content_digest="0" * 64,
            shards=[],
            digest="0" * 64,
            limit=None,
            repository=("owner/<b>", "|"),
        )
        for name in [*hostile, "---", HOSTILE, "'\"", "a: b"]
    }
    body = card(complete(totals)).decode().partition("\n---\n\n")[2]
    lines = body.splitlines()
    assert len([line for line in lines if line.startswith("|")]) == len(totals) + 2
    unescaped = re.sub(r"\\.", "", body)
    for line in unescaped.splitlines():
        assert line.count("|") in {0, 4}, line
    assert not set(unescaped) & set("<[`&")
    assert shown_only(body)


def test_a_card_s_front_matter_gives_every_name_back(tmp_path: Path) -> None:
    names = ["---", "a\n---\nb", "a: b", "- a", "'\"", "{a", "é漢", "null", "~", "x" * 300, "a b " * 50 + "c", HOSTILE]
    manifest = complete(
        {
            name: CategoryTotals(
                num_rows=0,
                num_items=0,
                funnel={KEPT: 0, MALFORMED: 0},
                damaged=[],
                content_digest="0" * 64,
                shards=[],
                digest="0" * 64,
                limit=None,
                repository=None,
            )
            for name in names
        }
    )
    text = card(manifest).decode()
    front = text.removeprefix("---\n").partition("\n---\n")[0]
    assert [config["config_name"] for config in yaml.safe_load(front)["configs"]] == ["default", *names]


# --- what reaches the terminal


def test_prompts_are_shown_with_control_characters_as_escapes_and_kept_as_they_are(
    source: Path, finished: Path, curate: Curate
) -> None:
    (item, _) = pq.read_table(finished / "data").to_pylist()
    assert "\x1b" in item["prompt"]
    assert item["title"] == HOSTILE
    again = curate("run", "--source", source, "--output", finished)
    shown = curate("show", finished, 0, 1)
    for result in (again, shown):
        assert result.exit_code == 0
        assert shown_only(result.out + result.err)
        assert printable(item["prompt"], lines=True) in result.out
    assert r"a\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f\u202eb" in shown.out
    assert json.loads(curate("run", "--source", source, "--output", finished, "--json").out)["num_items"] == 2


def test_rejects_show_bytes_as_escapes(finished: Path, curate: Curate) -> None:
    result = curate("rejects", finished)
    assert result.exit_code == 0
    assert shown_only(result.out)
    assert r"broken \x1b]0;owned\x07\x1b[2J" in result.out


def test_rejects_of_somebody_else_s_output_are_shown_as_text(done: Path, curate: Curate) -> None:
    (path,) = (done / "_rejects/Toys").iterdir()
    table = pq.read_table(path).to_pylist()[0] | {"file": f"{HOSTILE}\nforged", "cause": f"[red]{HOSTILE}"}
    pq.write_table(pa.Table.from_pylist([table]), path)
    record = json.loads((done / "_partitions/Toys/00000.json").read_bytes()) | {"rejects_bytes": path.stat().st_size}
    (done / "_partitions/Toys/00000.json").write_bytes(sealed(msgspec.convert(record, Record)))
    listed = curate("rejects", done)
    assert listed.exit_code == 0
    assert shown_only(listed.out)
    assert len(listed.out.splitlines()) == 2
    assert "[red]a" in listed.out


def test_the_owner_of_a_lock_is_shown_as_text(done: Path, curate: Curate) -> None:
    with (done / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = Owner(run="1", process=1, host=f"{HOSTILE}\nforged", machine="m", since="now")
        lock.write(msgspec.json.encode(owner).decode())
        lock.flush()
        result = curate("status", done)
    assert shown_only(result.out)
    assert "a run is working on it: process 1 on a" in result.out
    assert len(result.out.splitlines()) == 2


@pytest.mark.parametrize("name", [HOSTILE, "a\nforged", "[red]a"], ids=name_id)
def test_names_of_files_columns_and_keys_in_errors_are_text(tmp_path: Path, curate: Curate, name: str) -> None:
    safe = printable(name)
    (tmp_path / f"{name}.txt").touch()
    refused(curate("run", "--source", tmp_path), "has no catalogue files", safe)
    (tmp_path / f"{name}.jsonl").touch()
    refused(curate("run", "--source", tmp_path, "--category", "Zzz"), "no category 'Zzz'", safe)
    table = columns()
    pq.write_table(pa.table({**table, name: table["title"]}).drop_columns(["price"]), tmp_path / "Toys.parquet")
    refused(curate("run", "--source", tmp_path / "Toys.parquet"), "has no column price", safe)
    (tmp_path / "Games.jsonl").write_text(json.dumps({name: 1}) + "\n")
    mapped = ("--set", "source.fields={title: zzz}")
    refused(curate("run", "--source", tmp_path / "Games.jsonl", *mapped), "has a key 'zzz'", safe)
    (tmp_path / "job.yaml").write_text(json.dumps({name: 1}))
    refused(curate("run", tmp_path / "job.yaml"), "unknown key", safe)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é漢 😀 [red]", "plain é漢 😀 [red]"),
        ("\x00\x1b\x7f\x9b", r"\x00\x1b\x7f\x9b"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("a\udcff", r"a\udcff"),
    ],
)
def test_whatever_a_terminal_would_obey_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable("a\r\nb\tc", lines=True) == "a\\r\nb\tc"


# --- links that lead out of the output folder


def outside(tmp_path: Path) -> Path:
    """Somebody's own folder, with files called as an output's are."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("items-00000-of-00001.parquet", "00000.parquet", "00000.json", "thesis.txt"):
        (folder / name).write_text("years of work")
    return folder


def test_an_output_folder_may_be_a_link_itself(source: Path, tmp_path: Path, shared_ray: int, curate: Curate) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for more in ([], ["--fresh"], []):
        assert curate("run", "--source", source, "--output", tmp_path / "out", "--quiet", *more).exit_code == 0
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk/manifest.json").exists()
    assert curate("verify", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize("name", ["plan.json", "manifest.json", "README.md"])
def test_a_file_that_is_a_link_is_replaced_and_what_it_led_to_is_left_alone(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    (done / name).rename(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    (done / name).symlink_to(tmp_path / "elsewhere")
    assert curate("run", "--source", source, "--output", done, "--fresh", "--quiet").exit_code == 0
    assert (tmp_path / "elsewhere").read_bytes() == before
    assert not (done / name).is_symlink()


@pytest.mark.parametrize("name", ["data", "_partitions", "_rejects", "thesis.txt"])
def test_a_new_output_folder_with_a_link_in_it_is_refused(
    source: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    has_other_nodes = outside(tmp_path)
    before = tree(has_other_nodes)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(has_other_nodes)
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", tmp_path / "out", *more)
        refused(result, "nothing was touched", codes=(4,))
    assert tree(has_other_nodes) == before


# --- YAML


def bomb(levels: int) -> str:
    """Lists of lists of lists, each of nine times the same."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines)


NO_CONFIG: dict[str, str] = {
    "python": "output: !!python/object/apply:os.system ['touch MARK']",
    "python name": "output: !!python/name:os.system",
    "python module": "output: !!python/module:os",
    "python object": "output: !!python/object/new:os.system ['touch MARK']",
    "bomb": bomb(6) + "\ncategories: *a5",
    "bomb in a data set's arguments": "source:\n  load_dataset:\n    path: csv\n    " + bomb(6).replace("\n", "\n    "),
    "merged bomb": "a: &a {b: 1}\nc: {<<: [*a, *a]}",
    "list in itself": "categories: &a [*a]",
    "object in itself": "source: {load_dataset: &a {path: csv, more: *a}}",
    "deep": "output: " + "[" * 3_000,
    "month": "output: 2024-13-45",
    "long number": "limit: " + "9" * 5_000,
    "no number": "limit: !!int x",
    "no truth": "limit: !!bool x",
    "no time": "limit: !!timestamp x",
    "key that is a list": "{[a, b]: c}",
    "two documents": "output: a\n---\noutput: b",
    "bytes": "output: !!binary aGk=",
    "NUL": "output: a\0b",
}


@pytest.mark.parametrize("text", NO_CONFIG.values(), ids=NO_CONFIG)
def test_a_hostile_config_is_one_clear_error(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(text)
    for command in ("config", "run"):
        result = curate(command, "job.yaml")
        refused(result, "job.yaml")
        assert len(result.err) < 1_000
    assert [path.name for path in tmp_path.iterdir()] == ["job.yaml"]


@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.system ['touch MARK']", "2024-13-45", "!!bool x", "[" * 3_000, "&a [*a]"]
)
def test_a_hostile_assignment_is_one_clear_error(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(curate("run", "--set", f"categories={value}"))
    assert list(tmp_path.iterdir()) == []


# --- nothing is unpickled, no code of others is run

OBJECTS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "torch", "runpy"}
NAMES = {"eval", "exec", "compile", "__import__", "read_pickle", "unsafe_load", "full_load", "FullLoader"}
KEYWORDS = {"allow_pickle", "shell"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_of_this_package_loads_objects_or_runs_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & OBJECTS
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in OBJECTS
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else None
            assert called not in NAMES
            assert not {keyword.arg for keyword in node.keywords} & KEYWORDS
        elif isinstance(node, ast.Attribute):
            assert node.attr not in NAMES - {"compile"}


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


def test_code_of_a_data_set_cannot_be_allowed() -> None:
    with pytest.raises(UsageError, match="code of a data set is never run"):
        load_config(None, {"source.load_dataset": {"path": "csv", "trust_remote_code": True}})


def test_a_token_is_not_written_down(tmp_path: Path, curate: Curate) -> None:
    refused(curate("run", "--set", "source.load_dataset={path: a/b, token: hf_secret}"), "write no token down")
    options = "{path: csv, data_files: s3://b/f.csv, storage_options: {key: K, secret: S}}"
    refused(curate("run", "--set", f"source.load_dataset={options}"), "storage_options may hold keys")
    for address in ("https://me:hf_secret@host/f.csv", "https://host/f.csv?sig=hf_secret"):
        given = f"{{path: csv, data_files: [{{train: '{address}'}}]}}"
        refused(curate("run", "--set", f"source.load_dataset={given}"), "an address with keys in it")
    assert load_config(None, {"source.load_dataset": {"path": "csv", "token": False}}).source.load_dataset


SCRIPT = """
import pathlib
pathlib.Path({mark!r}).touch()
import datasets
class Mine(datasets.GeneratorBasedBuilder):
    def _info(self): return datasets.DatasetInfo()
"""


@pytest.mark.parametrize("named", ["Mine", "Mine/Mine.py"])
def test_a_data_set_s_script_is_not_run(tmp_path: Path, curate: Curate, named: str) -> None:
    (tmp_path / "Mine").mkdir()
    (tmp_path / "Mine/Mine.py").write_text(SCRIPT.format(mark=str(tmp_path / "mark")))
    given = f"source.load_dataset={{path: {tmp_path / named}}}"
    result = curate("run", "--set", given, "--category", "Mine", "--output", tmp_path / "out")
    refused(result, "load_dataset cannot open")
    assert not (tmp_path / "mark").exists()


def test_a_pickle_is_no_data_set(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Mine.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    given = f"source.load_dataset={{path: pandas, data_files: {tmp_path / 'Mine.pkl'}, cache_dir: {tmp_path / 'c'}}}"
    result = curate("run", "--set", given, "--category", "Mine", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "Pickle loading with the pandas dataset builder is disabled" in result.err
    refused(curate("run", "--source", tmp_path / "Mine.pkl"), "neither JSONL")
    assert not (tmp_path / "mark").exists()


EXTENSIONS = ["arrow.py_extension_type", "ray.data.arrow_pickled_object", "ray.data.arrow_tensor_v2", "pandas.period"]


def trapped(column: pa.Array, extension: str, mark: Path) -> tuple[pa.Field, pa.Array]:
    """A column that says of itself that it is of a type which would be unpickled."""
    metadata = {"ARROW:extension:name": extension, "ARROW:extension:metadata": pickle.dumps(Trap(mark), 0)}
    return pa.field("", column.type, metadata=metadata), column


def write_trapped(path: Path, extension: str, mark: Path, name: str) -> None:
    """Writes a Parquet file with a trap in a column's type, and in what pandas and `datasets` keep beside it."""
    table = columns()
    column = table.get(name, pa.array([pickle.dumps(Trap(mark))] * 2))
    field, column = trapped(column, extension, mark)
    table[name] = column
    fields = [field.with_name(key) if key == name else pa.field(key, value.type) for key, value in table.items()]
    trap = pickle.dumps(Trap(mark), 0)
    schema = pa.schema(fields, metadata={"pandas": trap, "huggingface": trap, "PANDAS_ATTRS": trap})
    pq.write_table(pa.Table.from_arrays(list(table.values()), schema=schema), path)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("name", ["title", "other"])
def test_a_parquet_file_s_types_are_not_unpickled(
    shared_ray: int, tmp_path: Path, curate: Curate, extension: str, name: str
) -> None:
    """In this process, where Ray has registered types of its own, and in its workers."""
    mark = tmp_path / "mark"
    (tmp_path / "source").mkdir()
    write_trapped(tmp_path / "source/Toys.parquet", extension, mark, name)
    result = curate("run", "--source", tmp_path / "source", "--output", tmp_path / "out", "--quiet")
    assert result.exit_code in {0, 2}, result
    assert "Traceback" not in result.err
    assert not mark.exists()


# --- no network

WATCH = """
import ipaddress, os, socket, sys

def local(address):
    if not isinstance(address, tuple):
        return True
    try:
        found = ipaddress.ip_address(address[0].partition('%')[0])
    except ValueError:
        return address[0] in {"", "localhost", socket.gethostname()}
    return found.is_loopback or found.is_unspecified or str(found) in os.environ["OWN_ADDRESSES"].split()

def tried(what):
    # Ray's own process asks clouds' metadata services where it runs, which is not in our hands.
    is_rays = sys.argv[0].endswith("ray/dashboard/dashboard.py")
    with open(os.environ["WATCHED"] + ".ray" * is_rays, "a") as stream:
        stream.write(what + "\\n")

def watched(name):
    inner = getattr(socket.socket, name)
    def call(self, *arguments):
        address = arguments[-1] if name.startswith("send") else arguments[0]
        # A datagram socket that is connected sends nothing: it is how a program learns its own address.
        if not local(address) and not (self.type == socket.SOCK_DGRAM and name.startswith("connect")):
            tried(f"{name} {address}")
            raise OSError("no network here")
        return inner(self, *arguments)
    setattr(socket.socket, name, call)

for name in ("connect", "connect_ex", "sendto"):
    watched(name)

look_up = socket.getaddrinfo
def getaddrinfo(host, *arguments, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if name and not local((name,)):
        tried(f"look up {name}")
        raise socket.gaierror("no network here")
    return look_up(host, *arguments, **named)
socket.getaddrinfo = getaddrinfo
with open(os.environ["WATCHED"] + ".processes", "a") as stream:
    stream.write(f"{os.getpid()}\\n")
"""


def watched_process(tmp_path: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str], int]:
    """Runs Python with its sockets watched, and those of all Python processes that come of it.

    Returns:
        How it ended, what was tried beyond this machine, and how many processes were watched.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(WATCH)
    own = {address.address.partition("%")[0] for card in psutil.net_if_addrs().values() for address in card}
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "WATCHED": str(tmp_path / "tried"),
        "OWN_ADDRESSES": " ".join(own),
        "HF_ENDPOINT": "http://hub.invalid",
    }
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    tried = (tmp_path / "tried").read_text().splitlines() if (tmp_path / "tried").exists() else []
    return ended, tried, len((tmp_path / "tried.processes").read_text().splitlines())


def test_a_run_that_reads_a_folder_tries_nothing_beyond_this_machine(source: Path, tmp_path: Path) -> None:
    given = ("--source", str(source), "--output", str(tmp_path / "out"), "--workers", "1")
    ended, tried, processes = watched_process(tmp_path, "-m", "job", "run", *given)
    assert (ended.returncode, tried) == (0, []), ended.stderr
    assert processes > 2  # the driver and Ray's


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import socket; socket.create_connection(('203.0.113.1', 80))", "look up 203.0.113.1"),
        ("import socket; socket.socket().connect(('203.0.113.1', 80))", "connect ('203.0.113.1', 80)"),
        ("from job.source.find import hub; hub.resolve('a/b', 'main')", "look up hub.invalid"),
    ],
)
def test_the_watch_on_the_network_sees_what_is_tried(tmp_path: Path, code: str, what: str) -> None:
    fast = "import time; time.sleep = lambda _: None; "  # which the Hub's client does between its tries
    ended, tried, _ = watched_process(tmp_path, "-c", fast + code)
    assert ended.returncode == 1
    assert what in tried


def test_a_run_that_reads_a_folder_does_not_ask_the_hub_s_client(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*given: object, **named: object) -> None:
        raise AssertionError(f"the Hub was asked: {given} {named}")

    for name in ("_asked", "resolve", "find_categories", "_tree"):
        monkeypatch.setattr(hub, name, asked)
    monkeypatch.setattr("huggingface_hub.utils.http_backoff", asked)
    for more in ([], [], ["--fresh"]):
        assert curate("run", "--source", source, "--output", tmp_path / "out", "--quiet", *more).exit_code == 0


@pytest.mark.parametrize("name", ["s3:out", "gs:out", "http:out", "file:out"])
def test_an_output_called_like_a_place_on_the_network_is_a_folder(
    source: Path, finished: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, name)
    for command in ("show", "rejects", "status"):
        assert curate(command, name).exit_code == 0
    assert curate("run", "--source", source, "--output", name).exit_code == 0


# --- what the Hub's answers name


@pytest.mark.parametrize("oid", ["../../../outside", "/etc/passwd", "", "a" * 39, "G" * 40, "a" * 64 + "\n", 7, None])
def test_a_hash_that_is_none_is_not_taken_for_a_file_s_name(monkeypatch: pytest.MonkeyPatch, oid: object) -> None:
    entry = {"type": "file", "path": "Toys.jsonl", "size": 5, "oid": oid}
    for entries in ([entry], [{**entry, "oid": "a" * 40, "lfs": {"oid": oid, "size": 5}}]):
        monkeypatch.setattr(hub, "_asked", lambda url, what, entries=entries: (entries, None))
        with pytest.raises(CurateError, match="the answer is not the Hub's"):
            hub.find_categories(hub.Repository(dataset="owner/name", commit="a" * 40), ["Toys"])


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a/../../b"])
def test_a_revision_that_leads_elsewhere_is_refused(curate: Curate, revision: str) -> None:
    refused(curate("run", "--category", "Toys", "--set", f"source.revision={revision}"), "no branch, tag or commit")


# --- names of folders

FOLDERS = [
    "a b",
    'a"b',
    "it's",
    "a\nb",
    "é漢 😀",
    "$(touch MARK)",
    "`touch MARK`",
    "a;touch MARK",
    "a&b",
    "[x]",
    "*",
    "%20",
    "#",
    "a\\nb",
    "--",
    "a|b",
    "<b>",
    "!a",
    "{a,b}",
    "~",
]


def typed(text: str) -> list[list[str]]:
    """The commands that an output names, as a shell would take them apart."""
    found = re.findall(r"(?:to see them|look at one): (curate .*?)(?=\n(?:done|complete)|\n*\Z)", text, re.DOTALL)
    return [shlex.split(command)[1:] for command in found]


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_any_name_work_end_to_end(
    shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As relative paths, with a prefix that lets them be arguments; and the commands that are printed can be typed."""
    monkeypatch.chdir(tmp_path)
    given, out = f"source {name}", f"x{name}"
    Path(given).mkdir()
    Path(given, "Toys.jsonl").write_text(row() + "broken\n")
    first = curate("run", "--source", given, "--output", out)
    again = curate("run", "--source", given, "--output", out)
    assert (first.exit_code, again.exit_code) == (0, 0), first
    for result in (first, again):
        assert typed(result.out) == [["rejects", out], ["show", out, "0"]]
    for command in (["status", out], ["verify", out], *typed(first.out)):
        assert curate(*command).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given, out])
    misspelt = curate("run", "--source", f"{given}x", "--output", out)
    assert shlex.split(misspelt.err.partition("curate sample ")[2]) == [f"{given}x"]


@pytest.mark.parametrize("name", ["-x", "--fresh", "-"])
def test_folders_that_begin_with_a_dash_work(
    shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    Path(name, "Toys.jsonl").write_text(row() + "broken\n")
    assert curate("run", f"--source={name}", f"--output={name}/out").exit_code == 0
    for command in ("show", "status", "verify", "rejects"):
        assert curate(command, "--", f"{name}/out").exit_code == 0


def test_an_output_in_the_home_folder_is_named_so_that_it_can_be_typed(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "job.yaml").write_text(f"source: {{path: {source}}}\noutput: ~/out\n")
    result = curate("run", tmp_path / "job.yaml")
    assert typed(result.out) == [["rejects", f"{tmp_path}/home/out"], ["show", f"{tmp_path}/home/out", "0"]]
    for command in typed(result.out):
        assert curate(*command).exit_code == 0


@pytest.mark.parametrize(
    ("name", "words"), [("a\udcff", "not UTF-8"), ("~nobody-of-this-name/x", "there is no such user")]
)
def test_a_folder_that_cannot_be_named_is_one_clear_error(
    source: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(curate("run", "--source", source, "--output", name), "output", words)
    refused(curate("run", "--source", name, "--output", "out"), "source.path", words)
    assert list(tmp_path.iterdir()) == []


# --- links and names in an output that lead out of it


def linked(output: Path, name: str, has_other_nodes: Path) -> None:
    """Puts a link to somebody's own folder in the place of one of an output's."""
    shutil.rmtree(output / name, ignore_errors=True)
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (output / name).symlink_to(has_other_nodes)


@pytest.mark.parametrize("more", [[], ["--fresh"]], ids=["again", "fresh"])
@pytest.mark.parametrize(
    "name", ["data/Toys", "_rejects/Toys", "_partitions/Toys", "data", "_rejects", "_partitions", "_tmp", "_scratch"]
)
def test_nothing_is_written_or_removed_through_a_link_in_an_output(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str, more: list[str]
) -> None:
    has_other_nodes = outside(tmp_path)
    shutil.copytree(has_other_nodes, has_other_nodes / "Toys")
    before, stamp = tree(has_other_nodes), has_other_nodes.stat().st_mtime_ns
    (done / "manifest.json").unlink()
    (done / "_partitions/Toys/00000.json").unlink()  # so that there is something to do
    linked(done, name, has_other_nodes)
    result = curate("run", "--source", source, "--output", done, "--quiet", *more)
    assert "Traceback" not in result.err
    assert tree(has_other_nodes) == before
    assert has_other_nodes.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("name", ["_tmp", "_scratch"])
def test_nothing_is_written_through_a_link_that_lay_in_a_new_output_folder(
    shared_ray: int, tmp_path: Path, curate: Curate, name: str
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/Toys.jsonl.gz").write_bytes(gzip.compress(row().encode()))
    has_other_nodes = outside(tmp_path)
    before, stamp = tree(has_other_nodes), has_other_nodes.stat().st_mtime_ns
    linked(tmp_path / "out", name, has_other_nodes)
    result = curate("run", "--source", tmp_path / "source", "--output", tmp_path / "out", "--quiet")
    assert "Traceback" not in result.err
    assert tree(has_other_nodes) == before
    assert has_other_nodes.stat().st_mtime_ns == stamp


def test_a_lock_that_is_a_link_does_not_empty_what_it_leads_to(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate
) -> None:
    has_other_nodes = outside(tmp_path)
    linked(tmp_path / "out", "_lock", has_other_nodes / "thesis.txt")
    curate("run", "--source", source, "--output", tmp_path / "out", "--quiet")
    assert (has_other_nodes / "thesis.txt").read_text() == "years of work"


def misled(output: Path, name: str) -> None:
    """Has an output's plan speak of another category."""
    plan = json.loads((output / "plan.json").read_bytes())
    plan["categories"] = {name: plan["categories"]["Toys"] | {"category": name}}
    (output / "plan.json").write_bytes(sealed(msgspec.convert(plan, Plan)))


@pytest.mark.parametrize("name", ["../../outside", "/outside", "Toys/../../../outside", f"a{COMMANDS}"], ids=name_id)
def test_a_plan_that_names_what_lies_outside_has_nothing_removed(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    has_other_nodes = outside(tmp_path)
    before = tree(has_other_nodes)
    misled(done, str(has_other_nodes) if name == "/outside" else name)
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", done, "--quiet", *more)
        assert "Traceback" not in result.err
        assert shown_only(result.out + result.err)
        assert tree(has_other_nodes) == before


@pytest.mark.parametrize("command", ["status", "show", "verify", "rejects"])
@pytest.mark.parametrize("name", ["../../outside", "/outside"])
def test_a_plan_that_names_what_lies_outside_has_nothing_read(
    finished: Path, done: Path, tmp_path: Path, curate: Curate, name: str, command: str
) -> None:
    """Though what lies there is an output's."""
    shutil.copytree(finished, tmp_path / "outside")
    for kind in ("_partitions", "data", "_rejects"):
        shutil.copytree(finished / kind / "Toys", tmp_path / "outside", dirs_exist_ok=True)
    misled(done, str(tmp_path / "outside") if name == "/outside" else name)
    refused(curate(command, done), codes=(1, 2, 4))


@pytest.mark.parametrize("place", ["../secret.parquet", "/secret.parquet", "data/Toys/../../../secret.parquet"])
@pytest.mark.parametrize("key", ["shard", "rejects"])
def test_a_record_that_names_what_lies_outside_counts_for_nothing(
    done: Path, tmp_path: Path, curate: Curate, key: str, place: str
) -> None:
    record = json.loads((done / "_partitions/Toys/00000.json").read_bytes())
    secret = tmp_path / "secret.parquet"
    shutil.move(done / record[key], secret)
    record[key] = str(secret) if place.startswith("/") else place
    (done / "_partitions/Toys/00000.json").write_bytes(sealed(msgspec.convert(record, Record)))
    assert "0 of 1 partitions" in curate("status", done).out
    refused(curate("show", done, 0), "no item 0")
    assert curate("rejects", done).out == "0 malformed rows\n"
    refused(curate("verify", done), codes=(1,))


# --- names that other errors print


def test_names_of_strangers_in_an_output_are_shown_as_text(
    source: Path, done: Path, tmp_path: Path, curate: Curate
) -> None:
    (done / "data/Toys" / HOSTILE).touch()
    refused(curate("verify", done), printable(HOSTILE), "belongs to nothing", codes=(1,))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / HOSTILE).touch()
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", tmp_path / "other", *more)
        refused(result, "nothing was touched", codes=(4,))


def test_names_of_other_configs_are_shown_as_text(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / f"{HOSTILE}.yaml").touch()
    refused(curate("run", tmp_path / "q.yml"), "config not found", printable(HOSTILE))


def test_what_was_typed_is_shown_as_text(tmp_path: Path, curate: Curate) -> None:
    for command in (["status"], ["show"], ["run", "--source"], ["run"], ["run", "--set"], ["run", "--workers"]):
        refused(curate(*command, f"{tmp_path}/{HOSTILE}"))


# --- names of folders that other commands print or read


@pytest.mark.parametrize("name", ["s3:out", "gs:out", "xa:b"])
def test_an_output_called_like_a_place_on_the_network_is_verified_on_the_disk(
    finished: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, name)
    assert curate("verify", name).out.startswith("intact: ")


@pytest.mark.parametrize("name", ["-x", "--fresh", "-"])
def test_commands_that_name_a_folder_with_a_dash_can_be_typed(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    first = curate("run", "--source", source, f"--output={name}")
    commands = typed(first.out)
    assert [Path(command[1]) for command in commands] == [Path(name), Path(name)]
    for command in commands:
        assert curate(*command).exit_code == 0
