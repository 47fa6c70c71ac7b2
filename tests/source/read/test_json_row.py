"""A line of JSON is a row exactly when `json.loads` says so and each field read has its type."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job.recipe.inputs import Kind, recipe_input
from job.source.read.json_row import MAX_DEPTH, MalformedRowError, RowDecoder
from job.source.read.rows import RowLayout
from tests.generated import examples
from tests.source.hub_form import row_decoder, row_layout

Decode = Callable[[bytes], dict[str, Any]]

FAST = row_decoder(row_layout())
SECOND_READING = row_decoder(row_layout(["store"]))
"""Carrying a column along always takes the second reading."""

READINGS = pytest.mark.parametrize("decode", [FAST, SECOND_READING], ids=["fast", "second reading"])


def nested(depth: int, inner: bytes = b"1") -> bytes:
    """An object so many arrays and objects deep, itself counted."""
    return b'{"x":' + b"[" * (depth - 1) + inner + b"]" * (depth - 1) + b"}"


MALFORMED = {
    "no JSON": (b"hello", "not JSON"),
    "cut off": (b'{"title": "a', "not JSON"),
    "trailing comma": (b'{"title": "a",}', "not JSON"),
    "single quotes": (b"{'title': 'a'}", "not JSON"),
    "trailing garbage": (b'{"title": "a"} x', "not JSON"),
    "two objects": (b'{"title": "a"}{"title": "b"}', "not JSON"),
    "NUL after it": (b'{"title": "a"}\x00', "not JSON"),
    "NUL inside text": (b'{"title": "a\x00b"}', "not JSON"),
    "NUL inside a field not read": (b'{"images": "a\x00b"}', "not JSON"),
    "nothing but NUL": (b"\x00\x00\x00", "not JSON"),
    "control character in text": (b'{"title": "a\tb"}', "not JSON"),
    "control character in details": (b'{"details": {"a": "\x01"}}', "not JSON"),
    "control character in a field not read": (b'{"images": ["\x1f"]}', "not JSON"),
    "unknown escape": (rb'{"title": "\q"}', "not JSON"),
    "unknown escape in details": (rb'{"details": "\q"}', "not JSON"),
    "half an escape": (rb'{"images": "\u12"}', "not JSON"),
    "leading zero": (b'{"price": 01}', "not JSON"),
    "leading plus": (b'{"price": +1}', "not JSON"),
    "no digits after the point": (b'{"price": 1.}', "not JSON"),
    "bad number in details": (b'{"details": {"a": 1.}}', "not JSON"),
    "bad number in a field not read": (b'{"images": [01]}', "not JSON"),
    "two byte-order marks": (b'\xef\xbb\xbf\xef\xbb\xbf{"title": "a"}', "not JSON"),
    "byte-order mark inside": (b'{\xef\xbb\xbf"title": "a"}', "not JSON"),
    "price of 4,301 digits": (b'{"price": ' + b"9" * 4301 + b"}", "not JSON"),
    "number of 4,301 digits in details": (b'{"details": {"a": ' + b"9" * 4301 + b"}}", "not JSON"),
    "list": (b'["title"]', "a list"),
    "text": (b'"title"', "text"),
    "number": (b"12", "a number"),
    "true": (b"true", "true or false"),
    "null": (b"null", "null"),
    "NaN": (b"NaN", "a number"),
    "bad UTF-8": (b'{"title": "a\xffb"}', "not UTF-8: byte 12"),
    "bad UTF-8 in a field not read": (b'{"images": "\xc3("}', "not UTF-8"),
    "overlong UTF-8": (b'{"title": "\xc0\xaf"}', "not UTF-8"),
    "surrogate in UTF-8": (b'{"title": "\xed\xa0\x80"}', "not UTF-8"),
    "UTF-16": ('{"title": "a"}'.encode("utf-16"), "not UTF-8"),
    "title is a number": (b'{"title": 5}', "title is a number"),
    "title is a list": (b'{"title": ["a"]}', "title is a list"),
    "title is true": (b'{"title": true}', "title is true or false"),
    "title is an object": (b'{"title": {}}', "title is an object"),
    "description is text": (b'{"description": "a"}', "description is text"),
    "description is an object": (b'{"description": {"a": "b"}}', "description is an object"),
    "description is false": (b'{"description": false}', "description is true or false"),
    "features is a number": (b'{"features": 0}', "features is a number"),
    "null among features": (b'{"features": ["a", null]}', "features has null"),
    "number among descriptions": (b'{"description": [1]}', "description has a number"),
    "list among features": (b'{"features": [["a"]]}', "features has a list"),
    "price is true": (b'{"price": true}', "price is true or false"),
    "price is a list": (b'{"price": [1]}', "price is a list"),
    "price is an object": (b'{"price": {"low": 1}}', "price is an object"),
    "wrong type after a right one": (b'{"title": "a", "title": 5}', "title is a number"),
    "too deep": (nested(MAX_DEPTH + 1), "nested deeper than 500"),
    "too deep in details": (b'{"details":' + nested(MAX_DEPTH) + b"}", "nested deeper than 500"),
    "far too deep": (nested(200_000), "nested deeper than 500"),
}


@READINGS
@pytest.mark.parametrize(("line", "cause"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_row_says_why(decode: Decode, line: bytes, cause: str) -> None:
    with pytest.raises(MalformedRowError) as raised:
        decode(line)
    assert cause in str(raised.value)


ODD = {
    "empty object": (b"{}", {}),
    "white space around": (b' \t\r{ "title" : "a" } \t\r', {"title": "a"}),
    "byte-order mark": (b'\xef\xbb\xbf{"title": "a"}', {"title": "a"}),
    "nulls": (
        b'{"title": null, "price": null, "description": null, "features": null, "parent_asin": null}',
        {"title": None, "price": "None", "description": None, "features": None, "parent_asin": None},
    ),
    "empty values": (
        b'{"title": "", "price": "", "description": [], "features": [""]}',
        {"title": "", "price": "", "description": [], "features": [""]},
    ),
    "last of equal keys": (b'{"title": 5, "title": null, "title": "b"}', {"title": "b"}),
    "last of equal prices": (b'{"price": 1, "price": true, "price": 2.50}', {"price": "2.5"}),
    "null after text": (b'{"title": "a", "title": null}', {"title": None}),
    "escaped key": (rb'{"titl\u0065": "a"}', {"title": "a"}),
    "escaped NUL": (rb'{"title": "a\u0000b"}', {"title": "a\x00b"}),
    "pair of surrogates": (rb'{"title": "\ud83d\ude00"}', {"title": "😀"}),
    "first half of a pair": (rb'{"title": "a\ud83d"}', {"title": "a\ufffd"}),
    "second half of a pair": (rb'{"title": "\ude00a"}', {"title": "\ufffda"}),
    "halves the wrong way round": (rb'{"features": ["\ude00\ud83d"]}', {"features": ["\ufffd\ufffd"]}),
    "half, then a pair": (rb'{"description": ["\ud83d\ud83d\ude00"]}', {"description": ["\ufffd😀"]}),
    "half in a price": (rb'{"price": "\ud83d5"}', {"price": "\ufffd5"}),
    "half in a field not read": (rb'{"images": "\ud83d", "\ude00": 1, "title": "a"}', {"title": "a"}),
    "zero-width no-break space in text": (b'{"title": "\xef\xbb\xbfa"}', {"title": "\ufeffa"}),
    "line separator in text": ('{"title": "a\u2028b\u0085c"}'.encode(), {"title": "a\u2028b\u0085c"}),
    "whole price": (b'{"price": 12}', {"price": "12"}),
    "minus nought": (b'{"price": -0}', {"price": "0"}),
    "minus nought point nought": (b'{"price": -0.0}', {"price": "-0.0"}),
    "exponent": (b'{"price": 1E2}', {"price": "100.0"}),
    "small price": (b'{"price": 0.00001}', {"price": "1e-05"}),
    "big price": (b'{"price": 10000000000000000.0}', {"price": "1e+16"}),
    "price in text": (b'{"price": " 12.50 "}', {"price": " 12.50 "}),
    "dash for a price": ('{"price": "—"}'.encode(), {"price": "—"}),
    "NaN": (b'{"price": NaN}', {"price": "nan"}),
    "Infinity": (b'{"price": -Infinity}', {"price": "-inf"}),
    "too big for a float": (b'{"price": 1e400}', {"price": "inf"}),
    "too small for a float": (b'{"price": 1e-400}', {"price": "0.0"}),
    "more than 64 bits": (b'{"price": 18446744073709551616}', {"price": "18446744073709551616"}),
    "less than 64 bits": (b'{"price": -9223372036854775809}', {"price": "-9223372036854775809"}),
    "whole number of 4,300 digits": (b'{"price": ' + b"9" * 4300 + b"}", {"price": "9" * 4300}),
    "fraction of 6,000 digits": (b'{"price": 0.' + b"1" * 6000 + b"}", {"price": "0.1111111111111111"}),
    "half-way between two floats": (b'{"price": 9007199254740993.0}', {"price": "9007199254740992.0"}),
    "just above half-way": (b'{"price": 9007199254740993.' + b"0" * 800 + b"1}", {"price": "9007199254740994.0"}),
    "NaN in a field not read": (b'{"images": [NaN, 1e400, -Infinity], "title": "a"}', {"title": "a"}),
    "NaN in details": (b'{"details": {"a": NaN}}', {"details": '{"a": NaN}'}),
    "too big for a float in details": (b'{"details": {"a": 1e400}}', {"details": '{"a": Infinity}'}),
    "half in details": (rb'{"details": {"a": "\ud83d"}}', {"details": r'{"a": "\ud83d"}'}),
    "last of equal details": (b'{"details": {"a": 1, "a": 2}, "details": {"b": 1, "b": 3}}', {"details": '{"b": 3}'}),
    "details are null": (b'{"details": null}', {"details": "null"}),
    "details are empty": (b'{"details": { } }', {"details": "{}"}),
    "details are text": ('{"details": "é"}'.encode(), {"details": r'"\u00e9"'}),
    "details are long": (
        b'{"details": {"a": "' + b"x" * 9000 + b'"}}',
        {"details": json.dumps({"a": "x" * 9000})},
    ),
    "details hold 4,300 digits": (b'{"details": ' + b"7" * 4300 + b"}", {"details": "7" * 4300}),
    "identifier is a number": (b'{"parent_asin": 123}', {"parent_asin": "123"}),
    "wrong types in fields not read": (
        b'{"images": 5, "videos": "x", "average_rating": [], "title": "a"}',
        {"title": "a"},
    ),
    "as deep as allowed": (nested(MAX_DEPTH), {}),
    "brackets in text": (b'{"title": "' + b"[{" * 600 + b'"}', {"title": "[{" * 600}),
    "brackets after an escaped quotation mark": (b'{"title": "\\"' + b"[" * 600 + b'"}', {"title": '"' + "[" * 600}),
    "many lists side by side": (b'{"images": [' + b"[]," * 600 + b"[]]}", {}),
}


INPUTS = ("title", "parent_asin", "price", "description", "features", "details")


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's inputs as the recipe takes them."""
    details = row["details"]
    return {name: row[name] for name in INPUTS} | {"details": json.dumps(json.loads(details)) if details else None}


NOTHING = dict.fromkeys(INPUTS) | {"price": "None"}


@READINGS
@pytest.mark.parametrize(("line", "fields"), ODD.values(), ids=ODD.keys())
def test_an_odd_row_is_still_a_row(decode: Decode, line: bytes, fields: dict[str, Any]) -> None:
    assert shown(decode(line)) == NOTHING | fields


@READINGS
def test_a_field_not_read_changes_nothing_but_whether_it_is_json(decode: Decode) -> None:
    """`json.loads` refuses whole numbers of more than 4,300 digits, wherever they stand."""
    line = b'{"title": "a", "images": ' + b"9" * 4301 + b"}"
    with pytest.raises(MalformedRowError, match="not JSON"):
        decode(line)


def test_only_columns_asked_for_are_kept() -> None:
    line = b'{"kept": [1, 2], "keep": [1, 2], "store": "a"}'
    assert FAST(line).keys() == {*INPUTS}
    assert SECOND_READING(line) == NOTHING | {"keep:store": "a"}


@pytest.mark.parametrize("keep_columns", [(), ("store",)])
def test_a_row_may_be_as_long_as_the_limit_and_no_longer(keep_columns: tuple[str, ...]) -> None:
    line = '{"title": "é"}'.encode()
    assert row_decoder(row_layout(keep_columns, len(line)))(line)["title"] == "é"
    with pytest.raises(MalformedRowError, match="longer than max_row_bytes, 14"):
        row_decoder(row_layout(keep_columns, len(line) - 1))(line)


KEPT = {
    "text": ("store", b'"a"', "a"),
    "null text": ("main_category", b"null", None),
    "half a pair": ("store", rb'"\ud83d"', "\ufffd"),
    "rating": ("average_rating", b"4.5", 4.5),
    "whole rating": ("average_rating", b"4", 4.0),
    "count": ("rating_number", b"12", 12),
    "count with a point": ("rating_number", b"12.0", 12),
    "largest count": ("rating_number", b"9223372036854775807", 2**63 - 1),
    "list": ("categories", b'["a", "b"]', ["a", "b"]),
    "null list": ("categories", b"null", None),
    "details": ("details", '{"a" :"é"}'.encode(), r'{"a": "\u00e9"}'),
    "null details": ("details", b"null", "null"),
    "text details": ("details", rb'"{\"a\":\"\u00e9\"}"', '{"a":"é"}'),
    "half a pair in text details": ("details", rb'"\ud83d"', "\ufffd"),
}


@pytest.mark.parametrize(("column", "value", "kept"), KEPT.values(), ids=KEPT.keys())
def test_a_column_is_carried_along(column: str, value: bytes, kept: object) -> None:
    found = row_decoder(row_layout([column]))(b'{"title": "a", "' + column.encode() + b'": ' + value + b"}")
    assert found.keys() == {*INPUTS, f"keep:{column}"}
    assert found[f"keep:{column}"] == kept
    assert type(found[f"keep:{column}"]) is type(kept)
    assert row_decoder(row_layout([column]))(b"{}") == NOTHING | {f"keep:{column}": None}


NOT_KEPT = {
    "text is a number": ("store", b"5"),
    "text is a list": ("main_category", b"[]"),
    "rating is text": ("average_rating", b'"4.5"'),
    "rating is true": ("average_rating", b"true"),
    "rating is NaN": ("average_rating", b"NaN"),
    "rating is too big for a float": ("average_rating", b"1e400"),
    "rating is a whole number too big for a float": ("average_rating", b"9" * 400),
    "count is a fraction": ("rating_number", b"1.5"),
    "count is text": ("rating_number", b'"12"'),
    "count is true": ("rating_number", b"true"),
    "count is infinite": ("rating_number", b"Infinity"),
    "count is NaN": ("rating_number", b"NaN"),
    "count is a whole number too big for a float": ("rating_number", b"9" * 400),
    "count has more than 63 bits": ("rating_number", b"9223372036854775808"),
    "list is text": ("categories", b'"a"'),
    "null in a list": ("categories", b"[null]"),
}


@pytest.mark.parametrize(("column", "value"), NOT_KEPT.values(), ids=NOT_KEPT.keys())
def test_a_column_of_another_type_makes_the_row_malformed_only_when_kept(column: str, value: bytes) -> None:
    line = b'{"title": "a", "' + column.encode() + b'": ' + value + b"}"
    assert FAST(line)["title"] == "a"
    with pytest.raises(MalformedRowError, match=column):
        row_decoder(row_layout([column]))(line)


# Any JSON object at all, written in any way: what the recipe's rules say, both readings say.

any_text = st.text(max_size=6)
any_number = st.one_of(
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**6), max_value=10**6),
)
any_scalar = st.one_of(st.none(), st.booleans(), any_number, any_text)
any_value = st.recursive(
    any_scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(any_text, inner, max_size=3)),
    max_leaves=6,
)
texts = st.lists(any_text, max_size=3)
half_pairs = st.sampled_from(["\ud83d", "\ude00", "a\ud83d\ud83d\ude00b", "\ude00\ud83d"])


def field(name: str, right: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(name), st.one_of(right, right, right, any_value))


fields = st.one_of(
    field("title", st.one_of(any_text, half_pairs)),
    field("parent_asin", any_text),
    field("price", st.one_of(any_number, any_text, st.none())),
    field("description", texts),
    field("features", st.one_of(texts, st.lists(half_pairs, max_size=2))),
    field("details", st.dictionaries(any_text, any_value, max_size=3)),
    st.tuples(st.just("store"), st.one_of(st.none(), any_text)),
    st.tuples(st.sampled_from(["images", "videos", "Title", "title ", "é", ""]), any_value),
)


def write(value: Any, *, ascii_only: bool, blank: str) -> str:
    """Writes a value as JSON; numbers of many digits with all of them."""
    if isinstance(value, dict):
        pairs = [
            f"{json.dumps(key, ensure_ascii=ascii_only)}{blank}:{blank}"
            + write(inner, ascii_only=ascii_only, blank=blank)
            for key, inner in value.items()
        ]
        return "{" + blank + f"{blank},{blank}".join(pairs) + blank + "}"
    if isinstance(value, list):
        return "[" + blank + f",{blank}".join(write(inner, ascii_only=ascii_only, blank=blank) for inner in value) + "]"
    if value is None or isinstance(value, bool | int | float | str):
        # Half a pair of surrogates cannot be written but as an escape.
        lone = isinstance(value, str) and not value.isascii() and value != value.encode("utf-8", "ignore").decode()
        return json.dumps(value, ensure_ascii=ascii_only or lone)
    return format(value, "f")


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """One JSON object, keys perhaps repeated, with any white space."""
    ascii_only, blank = draw(st.booleans()), draw(st.sampled_from(["", " ", "\t", "\r "]))
    pairs = [
        json.dumps(name) + ":" + blank + write(value, ascii_only=ascii_only, blank=blank)
        for name, value in draw(st.lists(fields, max_size=7))
    ]
    return (blank + "{" + f",{blank}".join(pairs) + "}" + blank).encode()


def by_the_rules(line: bytes) -> dict[str, Any] | None:
    """What RECIPE says of a line, in plain `json.loads`: its fields, or None when it is malformed."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    title, price, asin = value.get("title"), value.get("price"), value.get("parent_asin")
    lists = {name: value.get(name) for name in ("description", "features")}
    right = (
        isinstance(title, str | None)
        and isinstance(price, int | float | str | None)
        and not isinstance(price, bool)
        and all(
            found is None or (isinstance(found, list) and all(isinstance(text, str) for text in found))
            for found in lists.values()
        )
        and isinstance(value.get("store"), str | None)
    )
    if not right:
        return None
    return {
        "title": whole(title),
        "parent_asin": whole(asin) if isinstance(asin, str | None) else json.dumps(asin),
        "price": whole(str(price)),
        **{name: found if found is None else [whole(text) for text in found] for name, found in lists.items()},
        "details": json.dumps(value["details"]) if "details" in value else None,
    }


def whole(text: str | None) -> str | None:
    """Writes U+FFFD for each half of a pair of surrogates."""
    return None if text is None else "".join("\ufffd" if 0xD800 <= ord(char) < 0xE000 else char for char in text)


def outcome(decode: Decode, line: bytes) -> dict[str, Any] | None:
    try:
        return shown(decode(line))
    except MalformedRowError:
        return None


@examples(1200)
@given(lines())
@example(b'{"title":"\xc3\xa9","details":{"a":1e400}}')
def test_both_readings_give_what_the_rules_say(line: bytes) -> None:
    expected = by_the_rules(line)
    assert outcome(FAST, line) == expected
    assert outcome(SECOND_READING, line) == expected


@examples(1200)
@given(line=lines(), data=st.data())
def test_a_damaged_line_is_judged_alike(line: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(line)))
        gone = data.draw(st.integers(0, 3))
        put = data.draw(
            st.lists(st.sampled_from(list(b'{}[]",:\\ue+-.019Nn \t\r\v\x00\x1f\x7f\xc3\xa9\xff')), max_size=2)
        )
        line = line[:at] + bytes(put) + line[at + gone :]
    expected = by_the_rules(line)
    assert outcome(FAST, line) == expected
    assert outcome(SECOND_READING, line) == expected


@examples(300)
@given(st.from_regex(rb"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_price_is_written_as_python_writes_it(number: bytes) -> None:
    line = b'{"price": ' + number + b"}"
    assert FAST(line)["price"] == SECOND_READING(line)["price"] == str(json.loads(number))
    assert math.isnan(float(number)) is False


# Inputs that are numbers: a recipe's own go through the fast decoder, kept columns never do.

NUMBERS = pa.schema([recipe_input("number", Kind.NUMBER), recipe_input("whole", Kind.WHOLE_NUMBER)])
NONE = pa.schema([])
NUMBERS_READ = row_decoder(RowLayout(inputs=NUMBERS, kept=NONE, fields={}, max_row_bytes=10_000))
NUMBERS_KEPT = row_decoder(RowLayout(inputs=NONE, kept=NUMBERS, fields={}, max_row_bytes=10_000))
MALFORMED_ROW = "malformed"


def number(decode: Decode, name: str, value: bytes | None) -> str | float | None:
    """Decodes one number under its input's name, or a row without it."""
    try:
        row = decode(b"{}" if value is None else b'{"' + name.encode() + b'": ' + value + b"}")
    except MalformedRowError:
        return MALFORMED_ROW
    return row[name] if name in row else row[f"keep:{name}"]


NUMBER_VALUES: dict[str, tuple[bytes | None, str | float | None, str | int | None]] = {
    "whole number": (b"5", 5.0, 5),
    "whole number with a point": (b"5.0", 5.0, 5),
    "exponent": (b"5E2", 500.0, 500),
    "fraction": (b"5.5", 5.5, MALFORMED_ROW),
    "nought": (b"0", 0.0, 0),
    "minus nought": (b"-0", 0.0, 0),
    "minus nought point nought": (b"-0.0", -0.0, 0),
    "too big for a float": (b"1e400", MALFORMED_ROW, MALFORMED_ROW),
    "a whole number too big for a float": (b"9" * 400, MALFORMED_ROW, MALFORMED_ROW),
    "too small for a float": (b"1e-400", 0.0, 0),
    "NaN": (b"NaN", MALFORMED_ROW, MALFORMED_ROW),
    "Infinity": (b"Infinity", MALFORMED_ROW, MALFORMED_ROW),
    "minus Infinity": (b"-Infinity", MALFORMED_ROW, MALFORMED_ROW),
    "the largest of 64 bits": (b"9223372036854775807", 2.0**63, 2**63 - 1),
    "one more": (b"9223372036854775808", 2.0**63, MALFORMED_ROW),
    "one more with a point": (b"9223372036854775808.0", 2.0**63, MALFORMED_ROW),
    "the smallest of 64 bits": (b"-9223372036854775808", -(2.0**63), -(2**63)),
    "the smallest of 64 bits with a point": (b"-9223372036854775808.0", -(2.0**63), -(2**63)),
    "one less": (b"-9223372036854775809", -(2.0**63), MALFORMED_ROW),
    "more than a float tells apart": (b"9007199254740993", 2.0**53, 2**53 + 1),
    "more than a float tells apart, with a point": (b"9007199254740993.0", 2.0**53, 2**53),
    "true": (b"true", MALFORMED_ROW, MALFORMED_ROW),
    "false": (b"false", MALFORMED_ROW, MALFORMED_ROW),
    "text": (b'"5"', MALFORMED_ROW, MALFORMED_ROW),
    "empty text": (b'""', MALFORMED_ROW, MALFORMED_ROW),
    "list": (b"[5]", MALFORMED_ROW, MALFORMED_ROW),
    "object": (b"{}", MALFORMED_ROW, MALFORMED_ROW),
    "null": (b"null", None, None),
    "missing": (None, None, None),
}


@pytest.mark.parametrize("decode", [NUMBERS_READ, NUMBERS_KEPT], ids=["input", "kept column"])
@pytest.mark.parametrize(("value", "as_number", "as_whole"), NUMBER_VALUES.values(), ids=NUMBER_VALUES.keys())
def test_a_number_is_the_same_as_an_input_and_as_a_kept_column(
    decode: Decode, value: bytes | None, as_number: str | float | None, as_whole: str | int | None
) -> None:
    assert repr(number(decode, "number", value)) == repr(as_number)
    assert repr(number(decode, "whole", value)) == repr(as_whole)


near_the_ends = st.builds(
    lambda end, beside, point: f"{end + beside}{point}",
    st.sampled_from([0, 2**31, 2**53, -(2**53), 2**63, -(2**63), 2**64, -(2**64), 10**22, 10**308]),
    st.integers(-3, 3),
    st.sampled_from(["", ".0", ".5", ".000", "e0", "E+1", "e-1"]),
).map(str.encode)
any_spelling = st.from_regex(rb"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
any_other = st.one_of(
    any_value.map(lambda value: write(value, ascii_only=True, blank="").encode()),
    st.sampled_from([b"NaN", b"-Infinity", b"01", b"+1", b"1.", b".5", b"-", b"--1", b"1e", b"0x1", b"1_000"]),
)


@examples(500)
@given(st.one_of(near_the_ends, any_spelling, any_other))
@example(b"9" * 400)
@example(b"-0")
def test_both_readings_agree_on_any_number(value: bytes) -> None:
    for name in NUMBERS.names:
        assert repr(number(NUMBERS_READ, name, value)) == repr(number(NUMBERS_KEPT, name, value))


def test_rows_of_both_readings_make_the_same_columns_together() -> None:
    decoder = RowDecoder(row_layout())
    plain = b'{"title": "a", "price": 1.50, "features": ["f"], "details": {"b": 1}, "parent_asin": "B0"}'
    odd = plain.replace(b"1.50", b"NaN")
    none = b"{}"
    fast = decoder.columns([decoder.read(line) for line in (plain, none)])
    mixed = decoder.columns([decoder.read(line) for line in (plain, odd, none)])
    assert [list(column) for column in fast] == [
        ["a", None],
        ["B0", None],
        ["1.5", "None"],
        [None, None],
        [["f"], None],
        [b'{"b": 1}', None],
    ]
    assert [column[:1] + column[2:] for column in map(list, mixed)] == [list(column) for column in fast]
    assert [column[1] for column in mixed] == ["a", "B0", "nan", None, ["f"], '{"b": 1}']
