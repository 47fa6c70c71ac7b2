"""A shop's own catalogue, whose columns have other names than the recipe's inputs. Each row becomes an item."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

FIELDS = {"title": "name", "price": "cost", "description": "blurb"}

_SENTENCE = (
    "A kettle that boils a litre in three minutes, pours without a drop beside the cup, keeps its handle cool and its "
    "lid tight, stands firm on its round foot, and turns itself off when the water is done. "
)


def goods(num_rows: int, first: int = 0) -> list[dict[str, Any]]:
    """Returns rows with their number in the name and the text."""
    return [
        {"name": f"Kettle {number}", "cost": number % 900 + 0.75, "blurb": f"Kettle {number} it is. " + _SENTENCE * 5}
        for number in range(first, first + num_rows)
    ]


def goods_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Returns the rows as a table."""
    return pa.table(
        {
            "name": pa.array([row["name"] for row in rows], pa.string()),
            "cost": pa.array([row["cost"] for row in rows], pa.float64()),
            "blurb": pa.array([row["blurb"] for row in rows], pa.string()),
        }
    )
