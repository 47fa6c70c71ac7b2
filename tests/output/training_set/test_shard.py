"""The digest of rows in their order: the same before and after Parquet, whatever the columns hold."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from job.output.shard import is_same_schema, parquet_bytes, table_in
from job.output.training_set.shard import ordered_digest

DAY = datetime.datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001  # items have no time zones
VALUES = {
    "string": ["a", None, "", "é"],
    "bool": [True, None, False, True],
    "double": [0.5, None, -0.0, 1e300],
    "float": [0.5, None, 2.0, 3.0],
    "int64": [1, None, -3, 4],
    "uint8": [1, None, 3, 255],
    "date32[day]": [datetime.date(2020, 1, 2), None, datetime.date(1960, 1, 1), datetime.date(2020, 1, 2)],
    **{f"timestamp[{unit}]": [DAY, None, DAY.replace(year=1960), None] for unit in ("s", "ms", "us", "ns")},
    "list<string>": [["a", None], None, [], ["b"]],
    "list<double>": [[0.5], None, [], [1.0, 2.0]],
    "list<list<int32>>": [[[1], None, []], None, [], [[2, 3]]],
    "list<timestamp[s]>": [[DAY], None, [], [DAY, None]],
    "list<bool>": [[True], None, [], [False, None]],
}


def column(kind: str) -> pa.Table:
    from job.recipe.protocol import arrow_type

    return pa.table({"x": pa.array(VALUES[kind], arrow_type(kind))})


@pytest.mark.parametrize("kind", VALUES)
def test_a_column_that_was_written_and_read_has_the_same_digest(kind: str) -> None:
    rows = column(kind)
    digest = ordered_digest(rows)
    back = table_in(parquet_bytes(rows))
    assert is_same_schema(back.schema, rows.schema)
    assert ordered_digest(back) == digest
    assert ordered_digest(pa.concat_tables([rows.slice(0, 1), rows.slice(1)])) == digest
    assert ordered_digest(pa.concat_tables([rows, rows]).slice(4)) == digest


@pytest.mark.parametrize("kind", VALUES)
def test_another_order_or_a_missing_value_is_another_digest(kind: str) -> None:
    rows = column(kind)
    digests = {
        ordered_digest(rows.take(pa.array(order))) for order in ([0, 1, 2, 3], [2, 1, 0, 3], [1, 0, 2, 3], [0, 1, 2])
    }
    assert len(digests) == 4
