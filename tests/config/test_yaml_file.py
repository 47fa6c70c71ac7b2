"""The YAML of configs: no key twice, and no few bytes that stand for billions of values."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from job.config.load import dump_config, load_config, parse_assignment
from job.config.yaml_file import read_settings
from job.errors import UsageError

LISTS = [f"&a{level} [{f'*a{level - 1},' * 10}]" for level in range(1, 10)]
BOMB = f"[&a0 [{'x,' * 10}], {', '.join(LISTS)}]"
"""460 bytes that stand for 10 billion values."""


def written(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"categories: {BOMB}",
        f"limit: {BOMB}",
        f"output: {BOMB}",
        f"published_items: {{Toys: {BOMB}}}",
        f"source: {{fields: {{title: {BOMB}}}}}",
        f"source: {{load_dataset: {{path: csv, more: {BOMB}}}}}",
    ],
)
def test_a_few_bytes_cannot_stand_for_billions_of_values(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert len(text) < 550
    with pytest.raises(UsageError, match=r"the alias [*]a0 is part of an anchored value") as raised:
        load_config(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 500
    key, _, value = text.partition(": ")
    with pytest.raises(UsageError, match=rf"--set {key}=.*the alias [*]a0 is part of an anchored value"):
        parse_assignment(f"{key}={value}")


def test_a_value_cannot_be_a_part_of_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the alias [*]a is part of an anchored value"):
        load_config(written(tmp_path, "categories: &a [*a]"))


def test_an_alias_stands_for_its_value(tmp_path: Path) -> None:
    path = written(tmp_path, "output: &name Toys\ncategories: [*name]\nlimit: 3")
    assert read_settings(path) == {"output": "Toys", "categories": ["Toys"], "limit": 3}
    path = written(tmp_path, "keep_columns: &names [store, details]\ncategories: *names")
    assert read_settings(path)["categories"] == ["store", "details"]


def test_a_key_may_stand_only_once_at_any_depth(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'min_price' stands twice\n.*line 3"):
        load_config(written(tmp_path, "recipe:\n  min_price: 1\n  min_price: 2"))
    with pytest.raises(UsageError, match="'min_price' stands twice"):
        parse_assignment("recipe={min_price: 1, min_price: 2}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e3", 1000.0),
        ("1E3", 1000.0),
        ("1.5e3", 1500.0),
        ("5e-1", 0.5),
        ("0100", 100.0),
        ("010", 10.0),
        ("08", 8.0),
        ("-0", 0.0),
        ("0099.50", 99.5),
        ("1_000", 1000.0),
        ("0x10", 16.0),
        ("0b11", 3.0),
        (".5e3", 500.0),
    ],
)
def test_a_number_is_read_as_people_write_it(tmp_path: Path, text: str, number: float) -> None:
    path = written(tmp_path, f"recipe: {{min_price: -1, max_price: {text}}}")
    assert load_config(path).recipe.model_dump()["max_price"] == number
    assignments = [parse_assignment(f"recipe.max_price={text}"), parse_assignment("recipe.min_price=-1")]
    assert load_config(None, dict(assignments)).recipe.model_dump()["max_price"] == number


@pytest.mark.parametrize(("text", "limit"), [("0100", 100), ("010", 10), ("09", 9), ("1e3", 1000), ("1_000", 1000)])
def test_a_whole_number_is_decimal_whatever_it_begins_with(tmp_path: Path, text: str, limit: int) -> None:
    assert load_config(written(tmp_path, f"limit: {text}")).limit == limit
    assert load_config(None, dict([parse_assignment(f"limit={text}")])).limit == limit


def test_a_count_of_malformed_rows_is_decimal_and_a_share_may_have_an_exponent(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "max_malformed: 0100")).max_malformed == 100
    assert load_config(written(tmp_path, "max_malformed: 1e-2")).max_malformed == 0.01


@pytest.mark.parametrize("text", ["1:30", "1:30:05", "1:30.5", "0o17", "1,000", "$5", "1e400", "5 dollars", "'50'"])
def test_what_is_no_number_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(UsageError, match=r"recipe\.max_price: .*number \(found: ") as raised:
        load_config(None, dict([parse_assignment(f"recipe.max_price={text}")]))
    assert text.strip("'") in str(raised.value) or "inf" in str(raised.value)
    with pytest.raises(UsageError, match=r"limit: must be a whole number \(found: "):
        load_config(None, dict([parse_assignment(f"limit={text}")]))


def test_a_fraction_of_a_row_is_refused() -> None:
    with pytest.raises(UsageError, match=r"limit: must be a whole number \(found: 1\.5e-1\)|found: 0\.15"):
        load_config(None, dict([parse_assignment("limit=1.5e-1")]))


@pytest.mark.parametrize("name", ["No", "yes", "off", "true", "2023", "007", "3.5", "~", "null", "2023-01-01"])
def test_a_name_that_yaml_takes_for_something_else_is_to_be_written_in_quotes(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=rf"categories\.1: must be text; write '{name}' in quotes \(found: "):
        load_config(written(tmp_path, f"# mine\ncategories:\n  - Toys\n  - {name}\n"))
    with pytest.raises(UsageError, match=rf"categories: must be a list, .*; write '{name}' in quotes \(found: "):
        load_config(written(tmp_path, f"categories: {name}"))
    with pytest.raises(UsageError, match=rf"source\.fields\.store: must be text; write '{name}' in quotes"):
        load_config(written(tmp_path, f"source: {{path: shop, fields: {{store: {name}}}}}"))


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("categories=[Toys, No]", """'categories=[Toys, "No"]'"""),
        ("categories=2023", """'categories="2023"'"""),
        ("source.revision=0012", """'source.revision="0012"'"""),
        ("source={dataset: a/b, revision: 007}", """'source={dataset: a/b, revision: "007"}'"""),
    ],
)
def test_on_the_command_line_the_quotes_are_shown_as_the_shell_needs_them(
    tmp_path: Path, typed: str, right: str
) -> None:
    key, value = parse_assignment(typed)
    with pytest.raises(UsageError) as raised:
        load_config(written(tmp_path, "categories: [Toys]"), {key: value}, {key: typed.partition("=")[2]})
    assert f" in quotes: --set {right} (found: " in str(raised.value)
    key, value = parse_assignment(shlex.split(right)[0])
    load_config(None, {key: value})


def test_a_name_in_quotes_is_text(tmp_path: Path) -> None:
    path = written(tmp_path, "categories: ['No', \"2023\", '2023-01-01', 1e3, 08]")
    assert load_config(path).categories == ("No", "2023", "2023-01-01", "1e3", "08")
    assert load_config(None, dict([parse_assignment("source.revision=12e4567")])).source.revision == "12e4567"


def test_a_number_as_key_where_names_are_wanted_is_to_be_written_in_quotes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"published_items.*: must be text; write it in quotes"):
        load_config(written(tmp_path, "published_items: {2023: 5}"))
    assert load_config(written(tmp_path, "published_items: {'2023': 5}")).published_items == {"2023": 5}


@pytest.mark.parametrize("name", ["name", "data_dir", "split", "revision"])
def test_arguments_of_load_dataset_that_are_names_are_text(name: str) -> None:
    with pytest.raises(UsageError, match=rf"load_dataset: {name} is 2023, not text: write it in quotes"):
        load_config(None, {"source.load_dataset": {"path": "csv", name: 2023}})


def test_a_printed_config_reads_back_as_it_is(tmp_path: Path) -> None:
    names = ("No", "2023", "2023-01-01", "08", "010", "1e3", "0x10")
    config = load_config(None, {"categories": list(names), "recipe.max_price": 1e-5 + 1, "limit": 100})
    assert load_config(written(tmp_path, dump_config(config))) == config
