"""`curate recipes` and `curate try`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    make_catalogue(folder, rows=300, categories=["Toys", "Books"], file_format="jsonl")
    return folder


def lines_of(small: Path, category: str) -> list[str]:
    return next(small.rglob(f"*{category}.jsonl")).read_text().splitlines()


def test_recipes_are_listed_in_a_line_each(curate: Curate) -> None:
    result = curate("recipes")
    assert result.exit_code == 0
    first, *_, last = result.out.splitlines()
    assert first.endswith("Product listings, each with a prompt that asks for its price and answers it.")
    assert last == "your own: curate recipes new my_recipe.py"


def test_a_recipe_to_begin_with_runs_on_the_sample_at_once(
    small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = curate("recipes", "new", "brands.py")
    assert result.exit_code == 0
    assert "curate try --source out/catalogue --set recipe.name=brands.py:Brands" in result.out
    tried = curate("try", "--source", small, "--category", "Toys", "--set", "recipe.name=brands.py:Brands")
    assert tried.exit_code == 0, tried.err
    assert tried.out.count("verdict: ") == 3
    assert "characters, at least 60 needed\n" in tried.out
    assert curate("recipes", "new", "brands.py").exit_code == 2
    assert curate("recipes", "new").exit_code == 2


def test_a_row_by_its_number_shows_inputs_steps_verdict_and_item(small: Path, curate: Curate) -> None:
    rows = [json.loads(line) for line in lines_of(small, "Toys")]
    number = next(n for n, row in enumerate(rows) if row["price"] is None)
    result = curate("try", "--source", small, "--category", "Toys", "--row", number)
    assert f"Toys, row {number:,} (" in result.out
    assert "price: 'None', 0.5 to 999.49 needed (no number)\nverdict: price_missing\n" in result.out
    number = next(n for n, row in enumerate(rows) if isinstance(row["price"], float) and 1 < row["price"] < 900)
    result = curate("try", "--source", small, "--category", "Toys", "--row", number)
    assert f"  price: '{rows[number]['price']}', 0.5 to 999.49 needed\n" in result.out
    assert "characters, more than 300 needed" in result.out


def test_the_steps_agree_with_the_verdict(small: Path, curate: Curate) -> None:
    for number in range(40):
        out = curate("try", "--source", small, "--category", "Books", "--row", number).out
        verdict = out.partition("verdict: ")[2].split("\n")[0]
        last = out.partition("verdict: ")[0].splitlines()[-1].strip()
        step = {
            "price_missing": "price",
            "price_out_of_range": "price",
            "title_missing": "title",
            "text_too_short": "contents",
            "too_few_tokens": "tokens",
            "kept": "tokens",
        }
        assert last.startswith(step[verdict]), out


def test_a_row_by_its_id_is_searched(small: Path, curate: Curate) -> None:
    number = 120
    wanted = json.loads(lines_of(small, "Books")[number])["parent_asin"]
    result = curate("try", "--source", small, "--id", wanted)
    assert f"Books, row {number} (" in result.out
    missing = curate("try", "--source", small, "--id", "no-such-id")
    assert (missing.exit_code, missing.err.splitlines()[0]) == (
        2,
        "error: none of the 300 rows has 'no-such-id' in parent_asin",
    )


def test_rows_of_ones_own(tmp_path: Path, curate: Curate) -> None:
    row = {"title": "A lamp", "price": 5, "features": ["bright " * 60], "description": [], "details": {}}
    (tmp_path / "row.json").write_text(json.dumps(row))
    result = curate("try", "--text-file", tmp_path / "row.json")
    assert result.exit_code == 0, result.err
    assert "contents: 424 characters, more than 300 needed" in result.out
    (tmp_path / "text.txt").write_text("A lamp\nIt is bright.\nVery.\n")
    result = curate("try", "--text-file", tmp_path / "text.txt")
    assert "  title        A lamp\n" in result.out
    assert "contents: 20 characters, more than 300 needed\nverdict: text_too_short\n" in result.out
    (tmp_path / "bad.jsonl").write_text('{"title": 3}\n')
    assert "verdict: malformed: " in curate("try", "--text-file", tmp_path / "bad.jsonl").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--row", 1, "--id", "x"), "--row, --id and --text-file exclude each other"),
        (("--row", -1), "--row -1: rows are counted from 0"),
        (("--row", 3), "--row 3 of which category? name one: --category NAME\nthere are: Books, Toys"),
        (("--category", "Toys", "--row", 999), "Toys has 150 rows, counted from 0: there is no row 999"),
        (("--text-file", "/nonexistent/x"), "/nonexistent/x cannot be read: No such file or directory"),
    ],
)
def test_wrong_ways_to_name_a_row(small: Path, curate: Curate, arguments: tuple[object, ...], said: str) -> None:
    result = curate("try", "--source", small, *arguments)
    assert result.exit_code == 2
    assert said in result.err


def test_the_steps_of_the_recipe_of_2025(small: Path, curate: Curate) -> None:
    for number in range(30):
        arguments = ("--source", small, "--category", "Books", "--row", number, "--set", "recipe.name=course-2025")
        out = curate("try", *arguments).out
        verdict = out.partition("verdict: ")[2].split("\n")[0]
        last = out.partition("verdict: ")[0].splitlines()[-1].strip()
        step = {"price_missing": "price", "price_out_of_range": "price", "title_missing": "title"}
        assert last.startswith(step.get(verdict, "text: ")), out
        if verdict in ("kept", "text_too_short"):
            assert (int(last.split()[1].replace(",", "")) >= 600) == (verdict == "kept")
