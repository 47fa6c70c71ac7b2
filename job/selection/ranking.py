"""In which order do items stand by their keys?

Ties, which only equal items can be expected to have, go by the id, then the text, then load order.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.selection.index import Index, Use


def ranked(index: Index, use: Use, places: np.ndarray) -> np.ndarray:
    """Sorts items by one of their keys.

    Args:
        index: the index.
        use: which key.
        places: the items, by their places in load order; any subset, without repetition.

    Returns:
        The places, sorted. Of items with equal keys the smaller id comes first, by its UTF-8, a null as an empty one;
        then the smaller hash of the text, which is all that the index knows of it; then the earlier one.
    """
    keys = index.keys[use][places]
    order = np.argsort(keys)
    keys.sort()  # in place: a copy in this order would be 8 bytes more for each item
    is_tied = np.zeros(len(keys), bool)
    np.equal(keys[1:], keys[:-1], out=is_tied[1:])
    del keys
    in_order = places[order]
    del order
    if is_tied.any():
        run = np.cumsum(~is_tied)
        is_tied[:-1] |= is_tied[1:]
        in_order[is_tied] = in_tie_order(index, in_order[is_tied], run[is_tied])
    return in_order


def in_tie_order(index: Index, places: np.ndarray, runs: np.ndarray | None = None) -> np.ndarray:
    """Sorts items with equal keys.

    Args:
        index: the index.
        places: the items, by their places in load order.
        runs: what they are sorted by before; nothing unless given.

    Returns:
        The places, sorted by the run, the id, the hash of the text, and themselves.
    """
    columns: dict[str, pa.Array | np.ndarray] = {} if runs is None else {"run": runs}
    if index.ids is not None:
        columns["id"] = pc.fill_null(index.ids.take(pa.array(places)), "")
    if index.text is not None:
        columns |= {"high": index.text[places, 0], "low": index.text[places, 1]}
    columns["place"] = places
    table = pa.table(columns).append_column("number", pa.array(np.arange(len(places))))
    ordered = table.sort_by([(name, "ascending") for name in columns])
    return places[ordered["number"].to_numpy()]
