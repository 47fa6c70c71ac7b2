"""What of a source cannot be read rightly is refused before work starts."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.errors import UsageError
from job.output.records import Plan
from job.plan.planning import plan_category
from job.plan.sources import find_sources
from tests.source.hub_form import listings

TABLE = "Toys: its files are a Delta table, whose log says which of them count, and is not read here\n"


def test_a_table_with_a_log_is_refused_and_a_job_that_read_it_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "Toys"
    folder.mkdir()
    for number in range(2):
        pq.write_table(listings(3), folder / f"part-0000{number}-aa-c000.snappy.parquet")
    config = load_config(None, {"source.path": str(folder), "output": str(tmp_path / "out")})
    (source,) = find_sources(config)
    plan = plan_category(config, source, [file.location for file in source.files], {})
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log/00000000000000000000.json").write_text("{}")
    with pytest.raises(UsageError) as raised:
        find_sources(config)
    assert str(raised.value).startswith(TABLE)
    assert "COPY (FROM delta_scan('FOLDER')) TO 'NAME.parquet'" in str(raised.value)
    assert find_sources(config, Plan(config={}, categories={"Toys": plan})) == [source]
