"""Recipes of users' own: found, read, imported, and checked before work starts."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from job.config.load import dump_config, load_config
from job.errors import CurateError, UsageError
from job.recipe.custom.code import located_from, read_code
from job.recipe.custom.load import custom_settings
from job.recipe.custom.template import write_template
from job.recipe.inputs import Kind, kind_of
from job.recipe.judging import judged_rows
from job.recipe.protocol import describe
from job.recipe.registry import make_recipe

RECIPE = """
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from job import Kind, RecipeSettings, RowRecipe

class Example(NamedTuple):
    name: str
    tags: list[str]
    weight: float | None
    rank: int | None
    is_new: bool

class Drop(StrEnum):
    UNNAMED = "unnamed"

class Mine(RowRecipe):
    '''Names and tags.'''
    class Settings(RecipeSettings):
        '''What I want.'''
        suffix: str = "!"
        '''Added to each name.'''
        words: list[str] = []
        '''Any words.'''
    def judge_row(self, title: str | None, features: list[str] | None, weight: float | None, rank: int | None,
                  price: Annotated[str | None, Kind.NUMBER_AS_TEXT], details: dict[str, Any] | None,
                  more: Any) -> Example | Drop:
        if not title:
            return Drop.UNNAMED
        BODY
        return Example(title + self.settings.suffix, features or [], weight, rank, bool(details))
"""


def written(folder: Path, body: str = "pass", name: str = "mine.py", text: str = RECIPE) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("BODY", body))
    return f"{path}:Mine"


def rows(*given: dict[str, Any]) -> pa.Table:
    found = [
        {"title": None, "features": None, "weight": None, "rank": None, "price": "None", "details": None, "more": None}
        | {"partition": 0, "position": index}
        | row
        for index, row in enumerate(given)
    ]
    types = [("title", pa.string()), ("features", pa.list_(pa.string())), ("weight", pa.float64())]
    types += [("rank", pa.int64()), ("price", pa.string()), ("details", pa.string()), ("more", pa.string())]
    types += [("partition", pa.int32()), ("position", pa.int64())]
    return pa.Table.from_pylist(found, schema=pa.schema(types))


def judged(name: str, *given: dict[str, Any]) -> list[dict[str, Any]]:
    settings = custom_settings(name).model_validate({"name": name})
    return judged_rows(rows(*given), settings, lambda index: f"Toys.jsonl, byte {index}").to_pylist()


def test_annotations_say_what_is_read_and_made(tmp_path: Path) -> None:
    recipe = custom_settings(written(tmp_path)).recipe_type()
    assert {field.name: kind_of(field) for field in recipe.inputs} == {
        "title": Kind.TEXT,
        "features": Kind.TEXTS,
        "weight": Kind.NUMBER,
        "rank": Kind.WHOLE_NUMBER,
        "price": Kind.NUMBER_AS_TEXT,
        "details": Kind.JSON,
        "more": Kind.JSON,
    }
    described = describe(recipe)
    assert described.name == "mine.py:Mine"
    assert described.reasons == ("unnamed",)
    assert described.columns == {
        "name": "string",
        "tags": "list<string>",
        "weight": "double",
        "rank": "int64",
        "is_new": "bool",
    }
    assert described.summary == "Names and tags."


def test_rows_become_items_or_give_a_reason(tmp_path: Path) -> None:
    assert judged(written(tmp_path), {"title": "a", "details": '{"x": [1]}', "rank": 3}, {"title": ""}) == [
        {"verdict": "kept", "name": "a!", "tags": [], "weight": None, "rank": 3, "is_new": True},
        {"verdict": "unnamed", "name": None, "tags": None, "weight": None, "rank": None, "is_new": None},
    ]
    assert judged(written(tmp_path)) == []


def test_a_path_is_relative_to_the_config_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "configs")
    config = tmp_path / "configs" / "job.yaml"
    config.write_text("recipe: {name: mine.py:Mine, suffix: '?'}\nsource: {path: x}\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(config).recipe.name == f"{tmp_path}/configs/mine.py:Mine"
    settings: Any = load_config(None, {"recipe.name": "configs/mine.py:Mine"}).recipe
    assert (settings.name, settings.suffix) == (f"{tmp_path}/configs/mine.py:Mine", "!")
    assert located_from("package.module:Mine", tmp_path) == "package.module:Mine"
    text = dump_config(load_config(config))
    assert "suffix: '?'  # Added to each name." in text
    with pytest.raises(UsageError, match=r"recipe.sufix: unknown key; did you mean suffix"):
        load_config(config, {"recipe.sufix": "x"})


def test_settings_travel_to_a_process_that_has_no_file(tmp_path: Path) -> None:
    name = written(tmp_path)
    settings = custom_settings(name).model_validate({"name": name, "suffix": "?", "words": ["a"]})
    (tmp_path / "mine.py").unlink()
    code = "import pickle, sys; s = pickle.load(sys.stdin.buffer); print(s.suffix, s.words, s.recipe_type().name)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(settings), capture_output=True, check=True)
    assert done.stdout.decode() == "? ['a'] mine.py:Mine\n"
    assert pickle.loads(pickle.dumps(settings)) == settings  # our own
    assert make_recipe(settings) is make_recipe(pickle.loads(pickle.dumps(settings)))


def test_a_folder_travels_as_a_whole(tmp_path: Path) -> None:
    text = RECIPE.replace("from job import", "import pkgutil\nfrom .words import SUFFIX\nfrom job import")
    written(tmp_path, "title += SUFFIX + pkgutil.get_data(__name__, 'more.txt').decode()", "mine/__init__.py", text)
    (tmp_path / "mine/words.py").write_text("SUFFIX = '-'\n")
    (tmp_path / "mine/more.txt").write_text("z")
    name = f"{tmp_path}/mine:Mine"
    assert judged(name, {"title": "a"})[0]["name"] == "a-z!"
    before = read_code(name)
    assert [path for path, _ in before.files] == ["__init__.py", "more.txt", "words.py"]
    (tmp_path / "mine/more.txt").write_text("y")
    assert read_code(name).digest != before.digest
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").rename(tmp_path / "elsewhere/mine")
    (tmp_path / "elsewhere/mine/more.txt").write_text("z")
    moved = read_code(f"{tmp_path}/elsewhere/mine:Mine")
    assert (moved.digest, moved.name) == (before.digest, "mine:Mine")


def test_another_text_of_a_recipe_is_another_recipe(tmp_path: Path) -> None:
    first = custom_settings(written(tmp_path)).recipe_type()
    second = custom_settings(written(tmp_path, "title = title")).recipe_type()
    assert first is not second
    assert first.fingerprints["code"] != second.fingerprints["code"]
    assert custom_settings(written(tmp_path)).recipe_type() is first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", r"has no class Mine; it has: none"),
        ("class Mine2: pass\n", r"has no class Mine; did you mean Mine2\?; it has: Mine2"),
        ("class Mine: pass\n", r"mine.py:Mine is no recipe: it has no inputs, drop_reasons, item_schema, judge"),
        ("x = (\n", r"cannot be imported: SyntaxError: .*\nline 1 of .*/mine.py: x = \("),
        ("\n1 / 0\n", r"cannot be imported: ZeroDivisionError: division by zero\nline 2 of .*/mine.py: 1 / 0"),
        ("raise SystemExit(3)\n", r"cannot be imported: SystemExit: 3"),
        (
            "import absent_thing\n",
            r"No module named 'absent_thing'\nline 1 .*\nit needs the package absent_thing, which",
        ),
        (
            "import beside\n",
            r"mine.py, line 1: it imports the local file beside.py\na recipe is one file, or one folder",
        ),
        (
            "def later():\n    from beside import x\n",
            r"mine.py, line 2: it imports the local file beside.py\na recipe is one file",
        ),
        (
            RECIPE.replace("title: str | None,", "title: set,"),
            r"TypeError: Mine.judge_row: the parameter title needs a type that rows can be read as",
        ),
        (RECIPE.replace("-> Example | Drop", ""), r"TypeError: Mine.judge_row must say what it returns"),
        (RECIPE.replace("is_new: bool", "is_new: set"), r"TypeError: is_new: items cannot have the type"),
        (
            RECIPE.replace("    name: str\n", "    category: str\n"),
            r"the item column 'category' is added by the program",
        ),
        (
            RECIPE.replace("def judge_row(self, title:", "def judge_row(self, verdict:"),
            r"no input or item column can be",
        ),
        (RECIPE.replace('"unnamed"', '"kept"'), r"'kept' cannot be a drop reason"),
        (RECIPE.replace("class Settings(RecipeSettings)", "class Settings"), r"its Settings are no subclass of"),
    ],
)
def test_a_recipe_that_is_none_is_one_clear_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "beside.py").write_text("x = 1\n")
    name = written(tmp_path, text=text)
    with pytest.raises(UsageError, match=said) as raised:
        load_config(None, {"recipe.name": name, "source.path": "x"})
    assert "Traceback" not in str(raised.value)


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(UsageError, match=rf"there is no file {tmp_path}/mime.py; did you mean mine.py"):
        load_config(None, {"recipe.name": f"{tmp_path}/mime.py:Mine"})
    with pytest.raises(UsageError, match=r"no package 'absent_package' is installed"):
        load_config(None, {"recipe.name": "absent_package.module:Mine"})
    with pytest.raises(UsageError, match=r"x.py:' names no recipe: write it as FILE.py:CLASS"):
        load_config(None, {"recipe.name": "x.py:"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "return features[0]",
            r"TypeError: 'NoneType' object is not subscriptable\nline 31 of .*mine.py: return features\[0\]\n"
            r'in Toys.jsonl, byte 1: {"title": "b"',
        ),
        (
            "return 'other'",
            r"it gave the drop reason 'other', which it does not name; it names: unnamed\nin Toys.jsonl, b",
        ),
        ("return {'name': 'x'}", r"its item has no column 'tags', which it promised\nin Toys.jsonl, byte 1: "),
        ("return None", r"it returned None, which is neither an item nor a drop reason"),
        ("return Example(title, [], 'heavy', 1, True)", r"column 'weight' is 'heavy', which is no double"),
        ("return Example(title, [], 1.0, 2**70, True)", r"column 'rank' is 1180591620717411303424, which is no int64"),
        ("return Example(title, [], 1.0, 2, True)._asdict() | {'new': 1}", r"a column 'new', which it did not name"),
        ("exit(1)", r"SystemExit"),
    ],
)
def test_a_row_that_a_recipe_fails_at_is_named(tmp_path: Path, body: str, said: str) -> None:
    name = written(tmp_path, f"{body}" if "features" not in body else f"\n        if title == 'b':\n            {body}")
    with pytest.raises(CurateError, match=said) as raised:
        judged(name, {}, {"title": "b"})
    assert "mine.py:Mine failed: " in str(raised.value)


BATCHES = """
import pyarrow as pa
import pyarrow.compute as pc

class Mine:
    version = 3
    inputs = pa.schema([("title", pa.string())])
    drop_reasons = ("untitled",)
    item_schema = pa.schema([("length", pa.int32())])
    def __init__(self, settings):
        pass
    def judge(self, rows):
        verdict = pc.if_else(pc.is_valid(rows["title"]), "kept", "untitled")
        length = pc.utf8_length(rows["title"])
        BODY
        return pa.table({"verdict": verdict, "length": length})
"""


def test_a_null_where_none_is_expected_is_named(tmp_path: Path) -> None:
    name = written(tmp_path, text=RECIPE.replace("title: str | None", "title: str"))
    with pytest.raises(CurateError, match=r"title is missing or null there.*\nwrite `title: ... \| None`.*\nin Toys.j"):
        judged(name, {"title": "a"}, {})


@pytest.mark.parametrize(
    ("details", "found"),
    [('{"x": 1}', True), ("Ships soon", False), ("", False), ("[1]", False), ("null", False), ('"{\\"x\\": 1}"', True)],
)
def test_a_dict_is_a_dict_or_none_whatever_the_source_has(tmp_path: Path, details: str, found: bool) -> None:
    assert judged(written(tmp_path), {"title": "a", "details": details})[0]["is_new"] is found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[], 1.0, 2.7, True", "column 'rank' is 2.7, which is no int64: it is of the type float"),
        ("[b'x'], 1.0, 2, True", "column 'tags' is \\[b'x'\\], which is no list<item: string>"),
        ("[], 1.0, True, True", "column 'rank' is True, which is no int64: it is of the type bool"),
    ],
)
def test_a_value_of_another_type_is_never_cut(tmp_path: Path, value: str, said: str) -> None:
    with pytest.raises(CurateError, match=said):
        judged(written(tmp_path, f"return Example(title, {value})"), {"title": "a"})


def test_settings_arrive_as_they_are_whatever_their_validators_do(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "        words: list[str] = []",
        "        pair: tuple[int, ...] = (1, 2)\n        tags: frozenset[str] = frozenset('abc')\n"
        "        @pydantic.field_validator('suffix')\n"
        "        def twice(cls, value):\n            return value + value\n"
        "        words: list[str] = []",
    )
    name = written(tmp_path, text="import pydantic\n" + text)
    settings: Any = custom_settings(name).model_validate({"name": name, "suffix": "?"})
    (tmp_path / "mine.py").unlink()
    code = "import pickle, sys; s = pickle.load(sys.stdin.buffer); print(s.suffix, s.pair, s.identity()['tags'])"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(settings), capture_output=True, check=True)
    assert done.stdout.decode() == "?? (1, 2) ['a', 'b', 'c']\n"


def test_a_recipe_of_whole_batches(tmp_path: Path) -> None:
    found = judged(written(tmp_path, text=BATCHES), {"title": "abc"}, {})
    assert found == [{"verdict": "kept", "length": 3}, {"verdict": "untitled", "length": None}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return pa.table({'verdict': verdict})", "judge gave no column 'length', which it promised"),
        ("return pa.table({'verdict': verdict, 'length': length}).slice(1)", "judge gave 1 rows for 2"),
        ("length = length.cast('int64')", "judge gave the column 'length' as int64, and it promised int32"),
        ("verdict = pc.if_else(pc.is_valid(rows['title']), 'kept', 'odd')", "the drop reason 'odd', which it does not"),
        ("return 3", "judge gave a int, not a table"),
        ("assert pc.all(pc.is_valid(rows['title'])).as_py()", r"AssertionError\nline 15 .*\nin Toys.jsonl, byte 1: {"),
        ("assert rows.num_rows < 2", r"in Toys.jsonl, byte 0, or one of the 1 rows after it"),
    ],
)
def test_a_batch_that_is_not_as_promised(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(CurateError, match=said):
        judged(written(tmp_path, body, text=BATCHES), {"title": "abc"}, {})


def test_what_it_prints_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = written(tmp_path, "print('judging')", text="print('importing')\n" + RECIPE)
    judged(name, {"title": "a"})
    assert capsys.readouterr() == ("", "importing\njudging\n")


def test_an_installed_package_is_hashed_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, name="shop_recipes/inner/mine.py")
    (tmp_path / "shop_recipes/__init__.py").write_text("")
    (tmp_path / "shop_recipes/inner/__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "shop_recipes.inner.mine:Mine"
    settings = custom_settings(name).model_validate({"name": name})
    assert settings.recipe_type().name == name
    before = read_code(name)
    assert before.files == ()
    (tmp_path / "shop_recipes/__init__.py").write_text("x = 1")
    assert read_code(name).digest != before.digest
    code = f"import pickle, sys; sys.path.insert(0, {str(tmp_path)!r}); pickle.load(sys.stdin.buffer)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(settings), capture_output=True, check=False)
    assert "shop_recipes.inner.mine is another version on" in done.stderr.decode()


def test_the_template_is_a_recipe(tmp_path: Path) -> None:
    name = write_template(tmp_path / "my-own recipe.py")
    assert name.endswith(":MyOwnRecipe")
    assert describe(custom_settings(name).recipe_type()).reasons == ("no_answer", "too_short")
    with pytest.raises(UsageError, match="is there already, and was left as it is"):
        write_template(tmp_path / "my-own recipe.py")
    with pytest.raises(UsageError, match="a recipe is a Python file"):
        write_template(tmp_path / "recipe.txt")
