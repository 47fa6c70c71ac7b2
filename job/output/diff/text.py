"""The difference of two outputs as text, for a terminal of 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from job.errors import printable
from job.output.diff.changes import FileChange, KeyChange, shown
from job.output.diff.compare import CategoryDifference, Difference, Output, Pair
from job.output.diff.items import ItemsDifference
from job.output.diff.sets import SetDifference, SplitDifference, TrainingSet
from job.recipe.protocol import CATEGORY

_VALUE_CHARS = 60
"""Characters of a value that are shown, and of each side of a changed one."""
_BEFORE_CHARS = 15
"""Characters of a long value that are shown before the place where it has changed."""
_FILES_SHOWN = 5


def difference_lines(difference: Difference | SetDifference) -> Iterator[str]:
    """Yields what is different between two outputs, and last whether they are equal."""
    lines = _set_lines(difference) if isinstance(difference, SetDifference) else _lines(difference)
    yield from map(printable, lines)


def _set_lines(difference: SetDifference) -> Iterator[str]:
    for name, output in (("a", difference.a), ("b", difference.b)):
        state = "complete" if output.complete else "not complete"
        yield f"{name}: {output.output}, of {_counted(output.num_items, 'item')}, {state}"
    for title, changes in (("config", difference.config), ("made of", difference.made_of)):
        yield f"{title}:{'' if changes else ' the same'}"
        yield from map(_key_line, changes)
    yield from _count_lines(difference.funnel, difference.a.num_items)
    for name, split in difference.splits.items():
        yield from _split_lines(name, split)
    unfinished = [each for each in (difference.a, difference.b) if not each.complete]
    if unfinished:
        found = "no difference so far" if difference.equal is None else "different"
        yield f"{found}; {_advice(unfinished)}"
    elif difference.equal:
        yield "equal: the same rows in the same order, and the same counts"
    else:
        found = _sums([split.rows for split in difference.splits.values()])
        if not found and not all(split.same_order for split in difference.splits.values()):
            found = "the same rows in another order"
        yield f"different: {found or 'the same rows, but not the same counts or columns'}"


def _split_lines(name: str, split: SplitDifference) -> Iterator[str]:
    if split.rows.is_equal:
        order = "in the same order" if split.same_order else "in another order"
        yield f"{name}: the same {_counted(split.rows.same, 'row')}, {order}"
        return
    yield f"{name}:"
    yield from _items_lines(split.rows, "rows")


def _lines(difference: Difference) -> Iterator[str]:
    for name, output in (("a", difference.a), ("b", difference.b)):
        state = "complete" if output.complete else "not complete"
        yield f"{name}: {output.output}, {_counted(output.num_items, 'item')}, {state}"
    yield "config: the same" if not difference.config else "config:"
    yield from map(_key_line, difference.config)
    for name, category in difference.categories.items():
        yield from _category_lines(name, category)
    yield _verdict(difference)


def _verdict(difference: Difference) -> str:
    unfinished = [each for each in (difference.a, difference.b) if not each.complete]
    if difference.equal:
        return "equal: the same items and counts"
    if difference.equal is None:
        return f"no difference so far; {_advice(unfinished)}"
    compared = [each.items for each in difference.categories.values() if each.items is not None]
    found = _sums(compared) or "the same items, but not the same counts, columns or categories"
    more = f"; {_advice(unfinished)}" if unfinished else ""
    return f"different: {found}{more}"


def _sums(compared: Sequence[ItemsDifference]) -> str:
    """Returns how many items differ in all, by kind; empty without any."""
    sums = {kind: sum(getattr(items, kind) for items in compared) for kind in ("gone", "added", "changed")}
    return ", ".join(f"{count:,} {kind}" for kind, count in sums.items() if count)


def _advice(unfinished: Sequence[Output | TrainingSet]) -> str:
    names = " and ".join(each.output for each in unfinished)
    return f"{names} not complete: run the same command for it again, then compare again"


def _category_lines(name: str, category: CategoryDifference) -> Iterator[str]:
    items = category.items
    if not (category.partitions.a and category.partitions.b):
        yield f"{name}: only in {'a' if category.partitions.a else 'b'}"
    elif category.is_equal and items is not None and category.is_source_equal and not category.settings:
        yield f"{name}: the same source, counts and {_counted(items.same, 'item')}"
        return
    else:
        yield f"{name}:"
        yield "  source: the same" if category.is_source_equal else "  source:"
        yield from (f"  {_key_line(change)}" for change in category.repository)
        yield from _file_lines(category.files)
        for side in ("a", "b"):
            yield from (
                f"    left out in {side}: {cause}" for each in category.damaged if (cause := getattr(each, side))
            )
        for title, changes in (("settings", category.settings), ("columns", category.columns)):
            if changes:
                yield f"  {title}:"
                yield from (f"  {_key_line(change)}" for change in changes)
    if items is None:
        for side in ("a", "b"):
            done, partitions = getattr(category.done, side), getattr(category.partitions, side)
            if done < partitions:
                yield f"  {done:,} of {partitions:,} partitions are done in {side}: counts and items are not compared"
        return
    if category.num_rows is not None and category.funnel is not None:
        yield from _count_lines({"rows": category.num_rows, **category.funnel}, category.num_rows.a, "row")
    yield from _items_lines(items)


def _key_line(change: KeyChange) -> str:
    before, now = _windows(shown(change.a), shown(change.b))
    return f"  {change.key}: {before} → {now}"


def _file_lines(changes: Sequence[FileChange]) -> Iterator[str]:
    yield from (f"    {change}" for change in changes[:_FILES_SHOWN])
    if (more := len(changes) - _FILES_SHOWN) > 0:
        yield f"    and {more:,} more"


def _count_lines(counts: dict[str, Pair], total: int, what: str = "item") -> Iterator[str]:
    if all(count.a == count.b for count in counts.values()):
        yield f"  counts: the same, of {_counted(total, what)}"
        return
    names = {name: name.replace("_", " ") for name in counts}
    width = max(map(len, names.values()))
    yield f"  {'counts':<{width + 2}}{'a':>12}{'b':>12}{'change':>12}"
    for name, count in counts.items():
        change = f"{count.b - count.a:+,}" if count.b != count.a else ""
        yield f"    {names[name]:<{width}}{count.a:>12,}{count.b:>12,}{change:>12}".rstrip()


def _items_lines(items: ItemsDifference, noun: str = "items") -> Iterator[str]:
    if items.is_equal:
        yield f"  {noun}: the same {items.same:,}"
        return
    yield f"  {noun}: {items.gone:,} gone, {items.added:,} added, {items.changed:,} changed, {items.same:,} the same"
    if items.id is None and items.gone and items.added:
        yield f"    no column identifies {noun} in both: a changed one is one gone and one added"
    elif items.without_id:
        yield f"    {items.without_id:,} of those gone or added have no {items.id}: they may have only changed"
    if items.repeated:
        yield f"    {items.repeated:,} of those changed have a {items.id} that repeats: paired in their order"
    if items.changed_columns:
        yield f"    changed: {', '.join(f'{name} in {count:,}' for name, count in items.changed_columns.items())}"
    for change in items.examples.changed:
        yield f"    changed {_label(change.a, items.id)}"
        for name in change.columns:
            before, now = _windows(_text(change.a[name]), _text(change.b[name]))
            yield f"      {name}: {before} → {now}"
    for kind, found in (("gone", items.examples.gone), ("added", items.examples.added)):
        yield from (f"    {kind} {_label(item, items.id)}" for item in found)


def _label(item: dict[str, Any], id_column: str | None) -> str:
    """Returns what identifies an item, and after that what its other columns begin with."""
    others = [_text(value) for name, value in item.items() if name not in (id_column, CATEGORY)]
    parts = [*([_text(item[id_column])] if id_column else []), *others]
    label = " · ".join(parts)
    return _cut(label, 0, _VALUE_CHARS)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _windows(before: str, now: str) -> tuple[str, str]:
    """Shortens two texts to what surrounds the first place where they differ."""
    if max(len(before), len(now)) <= _VALUE_CHARS:
        return before, now
    same = next((place for place, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), None)
    start = max(0, (min(len(before), len(now)) if same is None else same) - _BEFORE_CHARS)
    return _cut(before, start, start + _VALUE_CHARS), _cut(now, start, start + _VALUE_CHARS)


def _cut(text: str, start: int, end: int) -> str:
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
