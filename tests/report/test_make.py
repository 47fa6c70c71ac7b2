"""`curate report`: the numbers that DuckDB counts, files that belong to the output, and what is said when it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from job.output.folder import OutputFolder
from job.report.make import figures_of
from tests.conftest import Curate, tree
from tests.output.made import MadeOutput
from tests.report.made import DESCRIPTION, item, made_output
from tests.servers.s3 import S3


@pytest.fixture(scope="module")
def reported(shared_ray: int, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a real run, for tests that make its report in Ray tasks."""
    from job.config.load import load_config
    from job.report.make import make_report
    from job.run import run_job

    output = tmp_path_factory.mktemp("reported") / "out"
    run_job(load_config(None, {"source.path": str(catalogue), "output": str(output)}), quiet=True)
    assert make_report(output, lambda _: None) == f"{output}/report.html"
    return output


def test_the_sums_are_those_that_duckdb_counts_from_the_shards(reported: Path) -> None:
    figures = json.loads((reported / "report.json").read_bytes())
    shards = f"read_parquet('{reported}/data/*/*.parquet', hive_partitioning=false)"

    def counted(sql: str) -> Any:
        return duckdb.execute(sql.format(shards=shards)).fetchall()

    ((items, cents, highest, tokens, longest),) = counted(
        "select count(*), sum(cast(round(price * 100) as bigint)), max(price), sum(token_count), max(token_count) "
        "from {shards}"
    )
    prices, lengths = figures["prices"], figures["lengths"]
    assert (figures["num_items"], prices["num"], lengths["num"]) == (items, items, items)
    assert items > 1_500
    assert (prices["sum"], prices["highest"]) == (cents, round(highest * 100))
    assert (lengths["sum"], lengths["highest"], lengths["unit"]) == (tokens, longest, "tokens")
    for column, step, key in (("price", 10, "prices"), ("token_count", 10, "lengths")):
        bins = dict(counted(f"select cast(floor({column} / {step}) as int), count(*) from {{shards}} group by 1"))
        assert {place: count for place, count in enumerate(figures[key]["bins"]["counts"]) if count} == bins
    ((pearson, median),) = counted("select corr(price, token_count), quantile_disc(price, 0.5) from {shards}")
    assert figures["price_and_length"]["pearson"] == pytest.approx(pearson, abs=1e-9)
    assert prices["quantiles"]["50"] == round(median * 100)
    ((spearman,),) = counted(
        "select corr(x, y) from (select rank() over (order by price) + (count(*) over (partition by price) - 1) / 2.0 "
        "as x, rank() over (order by token_count) + (count(*) over (partition by token_count) - 1) / 2.0 as y "
        "from {shards})"
    )
    assert figures["price_and_length"]["spearman"] == pytest.approx(spearman, abs=1e-9)
    assert (
        figures["funnel"]["kept"]
        == items
        == figures["num_rows"] - sum(count for verdict, count in figures["funnel"].items() if verdict != "kept")
    )


def test_tasks_count_what_one_process_counts(reported: Path) -> None:
    by_tasks = figures_of(OutputFolder(reported), lambda _: None)
    (reported / "report.json").rename(reported / "aside.json")
    try:
        assert figures_of(OutputFolder(reported), lambda _: None, in_process_items=10**6) == by_tasks
    finally:
        (reported / "aside.json").rename(reported / "report.json")


def test_a_report_of_a_run_has_its_machine_and_its_pace(reported: Path) -> None:
    run = json.loads((reported / "report.json").read_bytes())["run"]
    assert run["num_rows"] == 7_000
    assert run["elapsed_s"] > 0
    assert run["machine"]["cores"] >= 1
    assert {"item-curator", "ray", "pyarrow"} <= run["versions"].keys()
    page = (reported / "report.html").read_text()
    assert "rows/s" in page
    assert str(reported) not in page


def test_the_files_belong_to_the_output(reported: Path, tmp_path: Path, curate: Curate) -> None:
    output = tmp_path / "out"
    shutil.copytree(reported, output)
    assert curate("verify", output).out.startswith("intact: ")
    assert curate("status", output).out.endswith("complete\n")
    before = tree(output)
    assert curate("report", output).out == f"to look at the items, open {output}/report.html\n"
    assert tree(output) == before  # the same items, the same page
    page = (output / "report.html").read_bytes()
    (output / "report.html").write_bytes(page.replace(b"rows", b"rowz", 1))
    said = curate("verify", output)
    anew = f"to make it anew: curate report {output}"
    assert said.exit_code == 1
    assert f"report.html: damaged, or no report of this program; {anew}\n" in said.err
    (output / "report.html").unlink()
    assert curate("verify", output).exit_code == 0  # a report that is missing is no fault
    assert curate("status", output).out.endswith("complete\n")


def test_a_report_of_other_items_is_out_of_date(tmp_path: Path, curate: Curate, shared_ray: int) -> None:
    first, second = made_output(tmp_path / "first"), made_output(tmp_path / "second")
    output = MadeOutput(tmp_path / "other", description=DESCRIPTION).add("Toys", [[item(7.0, 3)]])
    output.close()
    assert curate("report", first.root).exit_code == 0
    for name in ("report.html", "report.json"):
        shutil.copy(tmp_path / "first" / name, tmp_path / "second" / name)
        shutil.copy(tmp_path / "first" / name, tmp_path / "other" / name)
    assert curate("status", second.root).out.endswith("complete\n")  # the same items
    anew = f"out of date, of other items than there are now; to make it anew: curate report {tmp_path}/other"
    assert curate("status", output.folder.root).out.endswith(f"complete\nreport.html: {anew}\nreport.json: {anew}\n")
    said = curate("verify", output.folder.root)
    assert (said.exit_code, f"report.html: {anew}\nreport.json: {anew}\n" in said.err) == (1, True)


def test_a_run_that_changes_the_items_removes_the_report_and_fresh_removes_it_too(
    reported: Path, catalogue: Path, tmp_path: Path, curate: Curate
) -> None:
    output = tmp_path / "out"
    shutil.copytree(reported, output)
    shutil.copy(catalogue / "raw/meta_categories/meta_Appliances.jsonl", tmp_path / "Games.jsonl")
    command = ["run", "--output", output, "--quiet"]
    assert curate(*command, "--source", catalogue, "--category", "Appliances").exit_code == 0
    assert (output / "report.html").exists()
    (output / "_partitions/Appliances/00000.json").unlink()
    assert curate(*command, "--source", catalogue, "--category", "Appliances").exit_code == 0
    assert (output / "report.html").exists()  # the same items came again
    fresh = curate("run", "--output", output, "--source", tmp_path / "Games.jsonl", "--fresh", "--limit", "50")
    assert fresh.exit_code == 0
    assert not (output / "report.html").exists()
    assert not (output / "report.json").exists()


def test_a_category_that_is_added_makes_a_report_stale(
    reported: Path, catalogue: Path, tmp_path: Path, curate: Curate
) -> None:
    output, source = tmp_path / "out", tmp_path / "source"
    source.mkdir()
    lines = (catalogue / "raw/meta_categories/meta_Appliances.jsonl").read_bytes().splitlines(keepends=True)
    for name in ("Games", "Toys"):
        (source / f"{name}.jsonl").write_bytes(b"".join(lines[:60]))
    assert curate("run", "--source", source, "--output", output, "--category", "Games").exit_code == 0
    assert curate("report", output).exit_code == 0
    said = curate("run", "--source", source, "--output", output, "--category", "Toys")
    assert said.exit_code == 0
    assert f"the report was of other items, and is gone; to make it anew: curate report {output}\n" in said.err
    assert not (output / "report.html").exists()
    assert curate("verify", output).exit_code == 0


def test_what_has_no_report_says_why(tmp_path: Path, curate: Curate) -> None:
    output = MadeOutput(tmp_path / "out", description=DESCRIPTION).add("Toys", [[item(7.0, 3)]], unfinished=1)
    output.close()
    said = curate("report", tmp_path / "out")
    assert (said.exit_code, said.err) == (
        2,
        f"error: {tmp_path}/out is not complete, so it has no report yet\n"
        f"to go on, run the same command again; how far it is: curate status {tmp_path}/out\n",
    )
    assert curate("report", tmp_path / "nowhere").exit_code == 2
    whole = made_output(tmp_path / "whole")
    (tmp_path / "whole/report.html").write_text("<!doctype html><p>somebody else's")
    said = curate("report", whole.root)
    assert (said.exit_code, said.err) == (
        4,
        f"error: {tmp_path}/whole/report.html is no report of this program\n"
        f"nothing was touched; move it away, then: curate report {tmp_path}/whole\n",
    )
    assert (tmp_path / "whole/report.html").read_text() == "<!doctype html><p>somebody else's"
    assert not (tmp_path / "whole/_lock").exists()


def test_a_shard_that_cannot_be_read_is_named(tmp_path: Path, curate: Curate, shared_ray: int) -> None:
    output = made_output(tmp_path / "out")
    shard = tmp_path / "out/data/Toys/items-00000-of-00002.parquet"
    shard.write_bytes(b"x" * shard.stat().st_size)
    said = curate("report", output.root)
    assert said.exit_code == 1
    assert f"cannot be read: {shard}: " in said.err
    assert said.err.endswith(f"to see what else is wrong: curate verify {tmp_path}/out\n")
    assert not (tmp_path / "out/report.html").exists()


def test_the_report_of_an_output_in_a_bucket_lies_beside_it(s3: S3, curate: Curate, shared_ray: int) -> None:
    output = MadeOutput("s3://bucket/out", description=DESCRIPTION)
    output.add("Toys", [[item(1.5, 10), item(2.25, 30)], [item(7.0, 3)]], {"unnamed": 1}, rejects=["row 3: no object"])
    output.close()
    said = curate("report", "s3://bucket/out")
    assert (said.exit_code, said.out) == (0, "to look at the items, open s3://bucket/out/report.html\n"), said.err
    figures = json.loads(output.folder.store.read("report.json") or b"{}")
    assert (figures["prices"]["sum"], figures["malformed"]) == (1075, {"row N: no object": 2})
    assert curate("verify", "s3://bucket/out").exit_code == 0
    assert {"_lock", "_tmp"}.isdisjoint(output.folder.store.top())
