"""What `craft` is told on the command line, before any item is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.cli.crafting import read_craft
from tests.cli.conftest import refused
from tests.conftest import Curate


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("--seed 7", "--set seed=7"),
        ("--slot-cap 7", "--set sample.slot_cap=7"),
        ("--size=7", "--set sample.size=7"),
        ("--train rest", "--set splits.train=rest"),
        ("--lite", "--set lite=true"),
        ("--source out/sample", "--items out/sample"),
        ("--source.path=x", "--items x"),
    ],
)
def test_a_key_that_is_written_as_an_option(typed: str, instead: str, curate: Curate) -> None:
    result = curate("craft", "--items", "out/first", *typed.split(" "))
    option = typed.partition(" ")[0].partition("=")[0]
    assert result.exit_code == 2
    assert result.err == (
        f"error: no such option: {option}\nwrite in its place: {instead}\n"
        "all keys of the config: curate config --craft\n"
    )


@pytest.mark.parametrize("typed", ["--category Toys", "--categories Toys", "--limit 3", "--recipe x"])
def test_an_option_of_another_command_is_none_of_this_one(typed: str, curate: Curate) -> None:
    result = curate("craft", "--items", "out/first", *typed.split(" "))
    assert (result.exit_code, result.out) == (2, "")
    assert f"No such option: {typed.partition(' ')[0]}" in result.err


def test_a_folder_in_place_of_a_config_is_answered_with_what_to_type(curate: Curate, tmp_path: Path) -> None:
    result = curate("craft", tmp_path)
    assert result.exit_code == 2
    assert f"to make a training set of the items in it: --items {tmp_path}\n" in result.err


def test_the_config_with_every_key_is_printed(curate: Curate, tmp_path: Path) -> None:
    result = curate("config", "--craft")
    assert result.exit_code == 0, result.err
    assert result.out.startswith("items: out/first  # A finished output of `curate run`")
    assert "near_threshold: 0.8  # Jaccard similarity" in result.out
    config = tmp_path / "set.yaml"
    config.write_text(result.out)
    assert curate("config", config, "--craft").out == result.out


def test_a_line_without_items(curate: Curate) -> None:
    refused(curate("craft"), "no items to make a set of", "curate craft --items out/first --output out/set")


def test_a_number_and_the_same_fraction_are_the_same_setting() -> None:
    default = read_craft(None, "out/first", None, None, None, None)
    given = read_craft(None, "out/first", None, None, None, ["sample.other_weight=1", "near_threshold=0.8"])
    assert given.model_dump_json() == default.model_dump_json()


@pytest.mark.parametrize("preset", ["[course-2024]", "{course-2024: 1}", "3", "course-2023"])
def test_a_preset_that_is_none(preset: str, curate: Curate) -> None:
    result = curate("craft", "--items", "out/first", "--set", f"preset={preset}")
    refused(result, "preset: Input should be 'course-2024' or 'course-2025'")


@pytest.mark.parametrize("kinds", ["5", "null", "[[title]]", "{title: 1}"])
@pytest.mark.parametrize("preset", ["null", "course-2025"])
def test_kinds_of_duplicates_that_are_none(kinds: str, preset: str, curate: Curate) -> None:
    result = curate("craft", "--items", "out/first", "--set", f"preset={preset}", "--set", f"deduplicate={kinds}")
    refused(result, "deduplicate")
