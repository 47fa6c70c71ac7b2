"""An option that does not exist is answered with the key of the config, or the option, that is meant."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from job.cli.app import app
from job.config.load import config_keys
from tests.cli.conftest import refused
from tests.conftest import Curate

COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("--max-price 50", "--set recipe.max_price=50"),
        ("--max_price=50", "--set recipe.max_price=50"),
        ("--maxprice 50", "--set recipe.max_price=50"),
        ("--Max-Prices 50", "--set recipe.max_price=50"),
        ("--max-prize 50", "--set recipe.max_price=50"),
        ("--recipe.max-price 50", "--set recipe.max_price=50"),
        ("--min-price -1", "--set recipe.min_price=-1"),
        ("--max-price", "--set recipe.max_price=VALUE"),
        ("--max-price --json", "--set recipe.max_price=VALUE"),
        ("--max-price 50 --min-tokens=9", "--set recipe.max_price=50 --set recipe.min_tokens=9"),
        ("--price 5", "--set recipe.max_price=5 or --set recipe.min_price=5"),
        ("--keep-column store", "--set keep_columns=store"),
        ("--field '{title: name}'", "--set 'source.fields={title: name}'"),
        ("--dataset a/b", "--set source.dataset=a/b"),
        ("--stream", "--set source.stream=true"),
        ("--no-stream", "--set source.stream=false"),
        ("--stream=false", "--set source.stream=false"),
        ("--categories Toys", "--category Toys"),
        ("--limits 5", "--limit 5"),
        ("--path x", "--source x"),
        ("--wrokers 2", "--workers 2"),
        ("--skip_damaged_file", "--skip-damaged-files"),
        ("--no-skip-damaged-files", "--set skip_damaged_files=false"),
    ],
)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_an_option_that_is_a_key_of_the_config_is_answered_with_what_to_type(
    command: str, typed: str, instead: str, curate: Curate
) -> None:
    result = curate(command, *shlex.split(typed))
    assert result.exit_code == 2
    assert result.err.splitlines()[0].startswith("error: no such option: --")
    assert result.err.splitlines()[1:] == [f"write in its place: {instead}", "all keys of the config: curate config"]


@pytest.mark.parametrize("key", config_keys())
def test_every_key_is_known_by_its_name_with_hyphens_and_what_is_offered_is_taken(key: str, curate: Curate) -> None:
    option = f"--{key.rpartition('.')[2].replace('_', '-')}"
    if option in {name for param in COMMANDS["run"].params for name in param.opts}:
        return
    err = curate("run", option, "1").err
    (offered,) = [line.removeprefix("write in its place: ") for line in err.splitlines() if "in its place" in line]
    assert key in offered.replace("--category", "categories").replace("--source", "source.path")
    COMMANDS["run"].make_context("run", shlex.split(offered))


@pytest.mark.parametrize("typed", ["--fersh", "--frobnicate", "-x"])
def test_another_unknown_option_gets_what_the_parser_says(typed: str, curate: Curate) -> None:
    result = curate("run", typed)
    assert (result.exit_code, f"No such option: {typed}" in result.err) == (2, True)


def test_a_command_without_a_config_offers_no_key(curate: Curate) -> None:
    assert "No such option: --max-price" in curate("show", "out", "--max-price", "5").err


def test_a_key_without_a_value_is_not_called_none(curate: Curate) -> None:
    refused(
        curate("run", "--source", "x", "--set", "batch_size="), "batch_size: must be a whole number (found: nothing)"
    )
