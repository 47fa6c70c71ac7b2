"""`curate report` and `curate craft` on a training set: the numbers that DuckDB counts, and files that belong to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import Curate, tree
from tests.report.made import PRESET, made_set


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training set with its report."""
    from job.report.make import make_report

    made = made_set(tmp_path_factory.mktemp("reported"))
    assert make_report(made, lambda _: None) == f"{made}/report.html"
    return made


@pytest.mark.parametrize("settings", [{}, PRESET], ids=["default", "preset"])
def test_the_sums_are_those_that_duckdb_counts_from_the_shards(
    tmp_path: Path, curate: Curate, settings: dict[str, Any]
) -> None:
    made = made_set(tmp_path, **settings)
    assert curate("report", made).out == f"to look at the training set, open {made}/report.html\n"
    figures = json.loads((made / "report.json").read_bytes())
    cents = "count(*), sum(cast(round(price * 100) as bigint)), max(cast(round(price * 100) as bigint))"

    def counted(where: str, *names: str) -> tuple[Any, ...]:
        rows = " union all by name ".join(f"select * from read_parquet('{made}/{name}-*.parquet')" for name in names)
        (found,) = duckdb.execute(f"select {cents} from ({rows}) where {where}").fetchall()
        in_categories = duckdb.execute(f"select category, {cents} from ({rows}) where {where} group by category")
        by_category[names, where] = {category: tuple(each) for category, *each in in_categories.fetchall()}
        return found

    by_category: dict[tuple[tuple[str, ...], str], dict[str, tuple[Any, ...]]] = {}
    splits = tuple(f"data/{name}" for name in ("train", "validation", "test"))
    everything = (*splits, "_removed/removed")
    expected = {
        "items": counted("true", *everything),
        "without duplicates": counted("reason is null or reason not like 'duplicate%'", *everything),
        "sample": counted("reason is null or reason = 'unused'", *everything),
        **{name.removeprefix("data/"): counted("true", name) for name in splits},
    }
    stages = {
        each["name"]: (each["num_items"], each["prices"]["sum"], each["prices"]["highest"])
        for each in figures["stages"]
    }
    assert stages.keys() == expected.keys() - ({"without duplicates"} if settings else {"sample"})
    assert stages == {name: expected[name] for name in stages}
    counted_by_category = dict(zip(expected, by_category.values(), strict=True))
    for each in figures["stages"]:
        found = {name: (of["num"], of["sum"], of["highest"]) for name, of in each["category_prices"].items()}
        assert found == counted_by_category[each["name"]]
    assert len(figures["stages"][0]["category_prices"]) > 1
    ((error, hits),) = duckdb.execute(
        f"with guess as (select avg(price) as mean from read_parquet('{made}/data/train-*.parquet')) "
        "select avg(abs(price - mean)), count(*) filter (abs(price - mean) < 40 or abs(price - mean) < 0.2 * price) "
        f"from read_parquet('{made}/data/test-*.parquet'), guess"
    ).fetchall()
    assert figures["guess"]["error"] == pytest.approx(error, abs=1e-9)
    assert figures["guess"]["hits"] == hits


def test_the_files_belong_to_the_set(reported: Path, tmp_path: Path, curate: Curate) -> None:
    made = tmp_path / "set"
    shutil.copytree(reported, made)
    assert curate("verify", made).out.startswith("intact: ")
    assert curate("status", made).out.endswith("complete\n")
    before = tree(made)
    assert curate("report", made).exit_code == 0
    assert tree(made) == before
    assert str(tmp_path) not in (made / "report.json").read_text()
    (made / "report.html").write_bytes((made / "report.html").read_bytes().replace(b"items", b"itemz", 1))
    said = curate("verify", made)
    assert said.exit_code == 1
    assert f"report.html: damaged, or no report of this program; to make it anew: curate report {made}\n" in said.err


def test_a_report_of_another_set_is_out_of_date(reported: Path, tmp_path: Path, curate: Curate) -> None:
    other = made_set(tmp_path, **PRESET)
    for name in ("report.html", "report.json"):
        shutil.copy(reported / name, other / name)
    anew = f"out of date, of other items than there are now; to make it anew: curate report {other}"
    assert curate("status", other).out.endswith(f"complete\nreport.html: {anew}\nreport.json: {anew}\n")
    assert curate("verify", other).exit_code == 1


def test_the_next_craft_makes_a_report_that_is_missing_and_touches_nothing_else(
    reported: Path, tmp_path: Path, curate: Curate
) -> None:
    made = tmp_path / "set"
    shutil.copytree(reported, made)
    before = tree(made)
    (made / "report.html").unlink()
    words = ["craft", "--items", reported.parent / "items", "--output", made]
    words += ["--set", "deduplicate=[id, near]", "--set", "splits.validation=5", "--set", "splits.test=10"]
    again = curate(*words)
    assert (again.exit_code, again.err) == (0, "")
    assert "complete already" in again.out
    assert tree(made) == before


def test_a_report_that_cannot_be_made_is_said_and_no_error(reported: Path, tmp_path: Path, curate: Curate) -> None:
    made = tmp_path / "set"
    shutil.copytree(reported, made)
    (made / "report.json").unlink()
    (made / "report.html").write_text("<!doctype html><p>somebody else's")
    words = ["craft", "--items", reported.parent / "items", "--output", made]
    words += ["--set", "deduplicate=[id, near]", "--set", "splits.validation=5", "--set", "splits.test=10"]
    again = curate(*words)
    assert again.exit_code == 0
    assert again.err == (
        "the training set is complete, but its report could not be made: "
        f"{made}/report.html is no report of this program\n"
        f"to try again: curate report {made}\n"
    )
    assert (made / "report.html").read_text() == "<!doctype html><p>somebody else's"
    assert not (made / "_lock").exists()


def test_a_set_that_is_not_whole_has_no_report(reported: Path, tmp_path: Path, curate: Curate) -> None:
    made = tmp_path / "set"
    shutil.copytree(reported, made)
    (made / "manifest.json").unlink()
    said = curate("report", made)
    assert (said.exit_code, said.err.splitlines()[0]) == (
        2,
        f"error: {made} is not complete, so it has no report yet",
    )
    shutil.copy(reported / "manifest.json", made)
    shard = made / "_removed/removed-00000-of-00001.parquet"
    shard.write_bytes(b"x" * shard.stat().st_size)
    said = curate("report", made)
    assert said.exit_code == 1
    assert f"cannot be read: {shard}: " in said.err
