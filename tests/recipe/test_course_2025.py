"""The course's recipe of 2025 over tables, held against its plain second version and against real rows."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import math
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from job.config.load import load_config
from job.errors import UsageError
from job.recipe.course_2025.reasons import DropReason
from job.recipe.course_2025.recipe import Course2025
from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.registry import make_recipe
from job.recipe.verdicts import KEPT
from tests.generated import examples
from tests.paths import REAL
from tests.recipe import plain_2025 as plain
from tests.recipe.listings import DETAILS, DETAILS_JSON, Row, in_chunks, lines_of, read_jsonl, read_parquet, table

DEFAULTS = Course2025Settings()
ANY_LENGTH = Course2025Settings(min_chars=0)
FILLER = "wood " * 130
"""Text of 650 characters, enough for an item."""


def same(one: object, other: object) -> bool:
    """Compares judgements; NaN is the same as NaN, and 0 is not -0."""
    return repr(one) == repr(other)


def judged(rows: pa.Table, config: Course2025Settings = DEFAULTS) -> list[plain.Judgement]:
    """Judges a table, checks what holds for any, and returns its judgements as the plain version gives them."""
    found = make_recipe(config).judge(rows)
    assert found.schema == pa.schema([("verdict", pa.string()), *Course2025.item_schema])
    assert found.num_rows == rows.num_rows
    for source, row in zip(rows.to_pylist(), found.to_pylist(), strict=True):
        is_kept = row["verdict"] == KEPT
        assert row["price"] == (plain.number(source["price"]) if is_kept else None)
        assert (row["title"], row["parent_asin"]) == (
            (source["title"], source["parent_asin"]) if is_kept else (None, None)
        )
    columns = (found[name].to_pylist() for name in ("verdict", "full", "weight"))
    return list(zip(*columns, strict=True))


def listing(contents: str = FILLER, title: str | None = "Chair", **fields: Any) -> Row:
    """Returns a row that is kept, unless told otherwise."""
    row = {"title": title, "parent_asin": "B012345678", "price": "10", "description": [contents]}
    return row | {"features": [], "details": None} | fields


def verdict(config: Course2025Settings = DEFAULTS, **fields: Any) -> str:
    return judged(table([listing(**fields)]), config)[0][0]


def full(config: Course2025Settings = ANY_LENGTH, **fields: Any) -> str:
    """Returns the text of a row that is kept; without fields, that of an empty listing."""
    row: Row = {"title": "", "description": [], "features": [], "details": None} | fields
    ((found, text, _),) = judged(table([listing(**row)]), config)
    assert found == KEPT
    assert text is not None
    return text


def weight(value: object, **other: object) -> float | None:
    ((_, _, found),) = judged(table([listing(details=json.dumps({"Item Weight": value} | other))]))
    return found


# Price and title


def test_the_verdicts_come_in_the_order_of_the_rules() -> None:
    assert verdict(price="None", title=None, contents="short") == "price_missing"
    assert verdict(price="0.49", title=None, contents="short") == "price_out_of_range"
    assert verdict(title=None, contents="short") == "title_missing"
    assert verdict(contents="short") == "text_too_short"
    assert verdict(title="") == KEPT
    assert list(DropReason) == ["price_missing", "price_out_of_range", "title_missing", "text_too_short"]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("0.5", KEPT),
        ("999.49", KEPT),
        ("0.49999", "price_out_of_range"),
        ("nan", "price_out_of_range"),
        ("\u0663", KEPT),  # an Arabic digit
        ("\U00011f53", KEPT),  # a Kawi digit, which Unicode 15.0 added
        ("\U00010d43", "price_missing"),  # a Garay digit, which Unicode 16.0 added
    ],
)
def test_a_price_may_have_digits_that_python_3_12_knows(price: str, expected: str) -> None:
    assert verdict(price=price) == expected


# Text


def test_a_text_is_the_title_and_lists_as_python_writes_them_and_details_as_json() -> None:
    text = full(
        title=" Old [Chair] ",
        description=["It's good", 'A "big" one', "both ' and \""],
        features=["tab\there", "new\nline", "é\u200b\\"],
        details='{"Brand":"Oak","Größe":"2 – 3"}',
    )
    assert text == (
        "Old [Chair] \n"
        """["It's good", 'A "big" one', 'both \\' and "']\n"""
        "['tab\\there', 'new\\nline', 'é\\u200b\\\\']\n"
        '{"Brand": "Oak", "Gr\\u00f6\\u00dfe": "2 \\u2013 3"}'
    )


def test_a_list_that_is_empty_gives_no_line_and_one_of_an_empty_text_gives_one() -> None:
    assert full(title="a", description=[], features=None) == "a"
    assert full(title="a", description=[""], features=["", ""]) == "a\n['']\n['', '']"
    assert full(title="", description=["b"]) == "['b']"


def test_pairs_of_blanks_become_one_in_a_single_pass() -> None:
    assert full(description=["a  b   c    d     e"]) == "['a b  c  d   e']"
    assert full(title="a  b", details='{"c  d": 1}') == 'a  b\n{"c  d": 1}'


def test_each_list_is_cut_after_3000_characters_of_its_simplified_form() -> None:
    assert full(description=["d" * 2996]) == "['" + "d" * 2996 + "']"
    assert full(description=["d" * 2997]) == "['" + "d" * 2997 + "'"
    assert full(description=["d" * 2998]) == full(description=["d" * 5000]) == "['" + "d" * 2998
    assert full(description=["d" + "  " * 2997]) == "['d"  # the blanks at its end are stripped
    assert full(description=["d" + "  " * 2996 + "e"], features=["f"]) == "['d" + " " * 2996 + "e\n['f']"
    assert full(description=["\x00" * 3000]) == "['" + "\\x00" * 749 + "\\x"


def test_what_is_cut_off_still_decides_the_quotation_marks() -> None:
    long = "d" * 7000
    assert full(description=[long + "'"])[:3] == '["d'
    assert full(description=[long + '"'])[:3] == "['d"
    assert full(description=["'" + long + '"'])[:5] == r"['\'d"
    assert full(description=["'" + long])[:4] == "[\"'d"


def test_a_text_is_stripped_and_then_cut_after_4000_characters_and_must_have_600() -> None:
    assert full(title="\u3000\x1ft" + "u" * 3998 + "v" + "w" * 9) == "t" + "u" * 3998 + "v"
    assert full(title="t" * 3999 + "   u") == "t" * 3999 + " "  # stripped before it is cut
    assert verdict(title="t" * 600, contents="", description=[]) == KEPT
    assert verdict(title="t" * 599 + "  ", contents="", description=[]) == "text_too_short"
    assert verdict(title="🪆" * 600, description=[]) == KEPT


def test_escapes_count_as_many_characters() -> None:
    dumped = json.dumps({"a": "é" * 98})
    assert len(dumped) == 9 + 6 * 98 == 597
    assert verdict(title="t", description=[], details='{"a": "' + "é" * 98 + '"}') == "text_too_short"
    assert verdict(title="tt", description=[], details='{"a": "' + "é" * 98 + '"}') == KEPT
    assert verdict(title="", description=["\x00" * 149]) == KEPT
    assert verdict(title="", description=["\x00" * 148]) == "text_too_short"


# Details


@pytest.mark.parametrize("details", [None, "", "{", "null", "[1]", '"text"', "12", "{} x", "\ufeff{}", "[" * 20_000])
def test_details_that_are_no_object_are_none(details: str | None) -> None:
    assert full(title="t", details=details) == "t"


def test_details_are_none_when_nested_deeper_than_a_row_may_be_whatever_the_python() -> None:
    deep = '{"a":' + "[" * 498 + "]" * 498 + "}"
    assert full(title="t", details=deep).startswith('t\n{"a": [[')
    assert full(title="t", details=deep.replace("[]", "[[]]")) == "t"
    brackets = json.dumps({"a": "[" * 600})
    assert full(title="t", details=brackets) == f"t\n{brackets}"


def test_five_keys_are_removed_and_no_other() -> None:
    removed = {
        "Part Number": 1,
        "Best Sellers Rank": {"a": 1},
        "Batteries Included?": "No",
        "Batteries Required?": "Yes",
        "Item model number": "x",
    }
    assert full(title="t", details=json.dumps(removed)) == "t"
    assert full(title="t", details=json.dumps({"part number": 1} | removed | {"in": removed})) == "t\n" + json.dumps(
        {"part number": 1, "in": removed}
    )


def test_details_pass_through_json_once() -> None:
    assert full(details='{"a":1,"b":NaN,"a":2.50,"c":1e400,"d":"\\u00e9\\/"}') == (
        '{"a": 2.5, "b": NaN, "c": Infinity, "d": "\\u00e9/"}'
    )
    assert full(details='{"a": "\\ud800"}') == '{"a": "\\ud800"}'
    assert full(title="t", details='{"a": ' + "1" * 4301 + "}") == "t"


# Weight


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.5 pounds", 2.5),
        ("2.5 Pounds", 2.5),
        ("8 ounces", 0.5),
        ("8 OUNCES heavy", 0.5),
        ("453.592 grams", 1.0),
        ("453592 milligrams", 1.0),
        ("0.453592 kilograms", 1.0),
        ("1 \u212ailograms", 1 / 0.453592),  # the sign for kelvin, of which the lower case is k
        ("50 hundredths pounds", 0.5),
        ("50 Hundredths Pounds x", 0.5),
        ("50 hundredths of pounds", 0.0),
        ("50 hundredths", 0.0),
        ("1,299 pounds", 0.0),
        ("1_299 pounds", 1299.0),
        ("1e2 pounds", 100.0),
        ("\u0663 pounds", 3.0),
        ("\U00011f53 pounds", 3.0),
        ("\U00010d43 pounds", 0.0),
        ("\t3\u3000 pounds", 3.0),
        ("\x1c3 pounds", 0.0),
        (" 3 pounds", 0.0),
        ("3  pounds", 0.0),
        ("3 pounds ", 3.0),
        ("3 pounds,", 0.0),
        ("3pounds", 0.0),
        ("3\xa0pounds", 0.0),
        ("3 pound", 0.0),
        ("3 lbs", 0.0),
        ("3", 0.0),
        ("", 0.0),
        ("pounds 3", 0.0),
        ("-5 pounds", -5.0),
        ("-0 ounces", -0.0),
        ("nan pounds", math.nan),
        ("nan lbs", 0.0),
        ("-inf grams", -math.inf),
        ("1e400 pounds", math.inf),
    ],
)
def test_a_weight_is_an_amount_and_a_unit_between_single_blanks(text: str, expected: float) -> None:
    assert same(weight(text), expected)


@pytest.mark.parametrize("value", [None, 5, 5.5, True, ["5 pounds"], {"5": "pounds"}])
def test_a_weight_that_is_no_text_is_unknown(value: object) -> None:
    assert same(weight(value), 0.0)


def test_the_weight_is_read_from_its_own_key_and_stays_in_the_text() -> None:
    assert weight("5 pounds", **{"item weight": "6 pounds"}) == 5.0
    assert full(details='{"Item Weight": "5 pounds"}') == '{"Item Weight": "5 pounds"}'
    ((_, _, twice),) = judged(table([listing(details='{"Item Weight": "5 pounds", "Item Weight": "6 pounds"}')]))
    assert twice == 6.0


# Codes


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("QUALITY PART 12 A", " PART 12 A"),
        ("QUALITY PART", "QUALITY PART"),
        ("1234567 then Z", " then Z"),
        ("1234567 then z", "1234567 then z"),
        ("12 QUALITY", "12 QUALITY"),  # the digit comes before it
        ("12 QUALITY 12", "12  12"),
        ("AP49806 AP4980", " AP4980"),
        ("QUALITY\n12", "QUALITY\n12"),  # a line of its own
        ("QUALITY\r12", "\r12"),  # the same line
        ("QUALITY\u202812", "\u202812"),
        ("QUALITY \u0663", " \u0663"),  # an Arabic digit
        ("QUALITY \u00b2\u2460\u00bd", "QUALITY \u00b2\u2460\u00bd"),  # digits, but no decimal ones
        ("QUALITY \U00011f53", " \U00011f53"),
        ("QUALITY \U00010d43", "QUALITY \U00010d43"),
        ("1234567 É", "1234567 É"),
        ("1234567 Z", " Z"),
        ("nABCDEF12 u2013ABCDEF12 _ABCDEF12 ABCDEF12_", "nABCDEF12 u2013ABCDEF12 _ABCDEF12 ABCDEF12_"),
        ("éABCDEF12 ABCDEF12漢 ABCDEF12²", "éABCDEF12 ABCDEF12漢 ABCDEF12²"),
        ("ABCDEF12\u0301 ABCDEF12-ABCDEF12's", "\u0301 -'s"),
        ("\U0001f6dcABCDEF12 \U0001e4d0ABCDEF12 \U00010d50ABCDEF12", "\U0001f6dc \U0001e4d0ABCDEF12 \U00010d50"),
        ("ABCDEFG1234567 1234567 QUALITY 1 z", "   1 z"),
    ],
)
def test_a_code_is_removed_for_what_follows_in_its_line(title: str, expected: str) -> None:
    wrapped = full(title=f"<{title}>\n{'-' * 9}")
    assert wrapped == f"<{expected}>\n{'-' * 9}"


def test_escapes_glue_to_the_next_word() -> None:
    assert full(description=["\nABCDEF12 \u200bABCDEF12 ABCDEF12"]) == r"['\nABCDEF12 \u200bABCDEF12 ']"
    assert full(details='{"a": "\u2013ABCDEF12 ABCDEF12"}') == r'{"a": "\u2013ABCDEF12 "}'


def test_characters_are_cut_before_codes_are_removed() -> None:
    text = full(description=["ABCDEF12 " + "d" * 4000], features=["f"])
    assert text == "[' " + "d" * (3000 - 11) + "\n['f']"
    assert full(description=["QUALITY " + "d" * 2990 + "9"])[:9] == "['QUALITY"  # the digit is cut off
    assert full(description=["QUALITY " + "d" * 2988 + "9"])[:4] == "[' d"


def test_removing_codes_takes_time_in_proportion_to_the_text() -> None:
    for word in ("1234567 ", "QUALITY ", "A" * 99 + "é", "AAAAAA "):
        began = time.process_time()
        assert full(title=word * (2_000_000 // len(word)))[:8] == (word * 2)[:8]
        assert time.process_time() - began < 5


# Unicode


def test_characters_are_printable_as_in_python_3_12() -> None:
    assert full(description=["\U0001f6dc\U00011f53\U00013439\U0001e4d0\u0ece"]) == (
        "['\U0001f6dc\U00011f53\\U00013439\U0001e4d0\u0ece']"
    )
    assert full(description=["\u2ffc\U00010d50\u31ef'"]) == '["\\u2ffc\\U00010d50\\u31ef\'"]'  # of 15.1 and 16.0


# Settings


def test_every_limit_is_a_setting() -> None:
    assert full(Course2025Settings(min_chars=0, max_chars=4), title="abcdef") == "abcd"
    assert full(Course2025Settings(min_chars=0, max_chars_each=4), description=["abc"], features=["d"]) == "['ab\n['d'"
    prices = Course2025Settings(min_price=5, max_price=6)
    found = judged(table([listing(price=price) for price in ("4.99", "5", "6", "6.01")]), prices)
    assert [judgement[0] for judgement in found] == ["price_out_of_range", KEPT, KEPT, "price_out_of_range"]


def test_settings_that_keep_nothing_are_refused() -> None:
    for overrides, words in (
        ({"recipe.min_chars": 4001}, "min_chars 4001 is above max_chars 4000: nothing would be kept"),
        ({"recipe.min_price": 1000}, "min_price 1000.0 is above max_price 999.49: nothing would be kept"),
        ({"recipe.min_tokens": 5}, "recipe.min_tokens: unknown key"),
    ):
        with pytest.raises(UsageError, match=words):
            load_config(None, {"recipe.name": "course-2025", **overrides})


# Against the plain version

NEWER = [
    *"\u0ecf\U00011f50\U00011f59\U0001e4f5\U0001e4d0\U00011f34\U00013439\U0001f6dc\U00031350",  # of 15.0
    *"\u2ffc\u31ef\U0002ebf0\U00010d41\U00010d50\u1c89\U000105c0",  # of 15.1 and 16.0
    "\ufffe",  # of none
]
DIGITS = [*"7٣९５²①½Ⅷ", "\U0001d7d9", *NEWER[1:4]]
SPACES = [" ", "  ", "   ", " " * 7, *"\t\n\v\r\x1c\x85\xa0\u2028\u3000\u200b"]
WORDS = [
    *[
        "ABCDEFG",
        "ABCDEF",
        "1234567",
        "123456",
        "AP49806",
        "B07WQZG42P",
        "QUALITY",
        "ABCDEF1é",
        "abcDEFGH12",
        "_ABCDE12",
    ],
    *["Z", "z", "A1", "wood", "Chair", "x2013ABCDEF12", "É", "漢字", "e\u0301", "🪆", "\ud7ff\ufffd"],
]
MARKS = [*"'\"\\,.:;-_[]{}()<>\x00\x07\x1b\x7f\xad", "''", '"\'"', "\\n", "\\u2013", "\\"]

fragments = st.one_of(st.sampled_from(WORDS + SPACES + DIGITS + MARKS + NEWER), st.text(max_size=3))


@st.composite
def phrases(draw: st.DrawFn) -> str:
    separator = draw(st.sampled_from([" ", " ", "", "\n", "  "]))
    return separator.join(draw(st.lists(fragments, max_size=8)))


units = st.sampled_from(
    [
        *[
            "pounds",
            "ounces",
            "grams",
            "milligrams",
            "kilograms",
            "hundredths",
            "hundredths pounds",
            "Pounds",
            "OUNCES",
        ],
        *["hundredths of", "hundredths  pounds", "Hundredths POUNDS", "\u212aILOGRAMS", "pound", "lbs", "", "pounds,"],
    ]
)
amounts = st.one_of(
    st.floats().map(str),
    st.integers(-9, 9999).map(str),
    st.sampled_from(["1,299", "1_299", "nan", "-inf", "1e400", "٣", "\u20033", "\x1c3", ".5", "5.", "", "²", *NEWER]),
    st.text(max_size=3),
)
weights = st.one_of(
    st.builds("{} {}".format, st.integers(1, 99), st.sampled_from(["pounds", "Ounces", "hundredths pounds"])),
    st.builds("{}{}{}".format, amounts, st.sampled_from([" ", " ", " ", "  ", "", "\xa0"]), units),
    st.builds("{} {} {}".format, amounts, units, fragments),
    fragments,
    st.none(),
    st.integers(),
    st.lists(st.text(max_size=3), max_size=2),
)
keys = st.one_of(
    st.sampled_from(
        [
            *["Part Number", "Best Sellers Rank", "Batteries Included?", "Batteries Required?", "Item model number"],
            *["part number", "Part Number ", "Brand"],
        ]
    ),
    fragments,
)
any_json = st.recursive(
    st.one_of(phrases(), st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)
objects = st.builds(
    lambda values, weight, has_weight: values | ({"Item Weight": weight} if has_weight else {}),
    st.dictionaries(keys, any_json, max_size=4),
    weights,
    st.sampled_from([True, True, False]),
)


@st.composite
def details_texts(draw: st.DrawFn) -> str | None:
    """JSON in any spacing, with escapes or without, perhaps with a key twice; or what is no object, or no JSON."""
    kind = draw(st.sampled_from(["object"] * 6 + ["twice", "value", "text"]))
    if kind == "text":
        return draw(st.one_of(st.sampled_from([None, "", "{", "{}", "null", "[]", "\ufeff{}"]), fragments))
    value = draw(any_json if kind == "value" else objects)
    separators = draw(st.sampled_from([(", ", ": "), (",", ":"), (" ,\t", " : ")]))
    ascii_only = draw(st.booleans())
    written = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    if kind == "twice" and isinstance(value, dict) and value:
        other = json.dumps(draw(objects) | {next(iter(value)): draw(any_json)}, ensure_ascii=ascii_only)
        written = f"{written[:-1]}, {other[1:]}"
    return written.encode("utf-8", "replace").decode()


prices = st.one_of(
    st.integers(50, 99949).map(lambda cents: str(cents / 100)),
    st.sampled_from(["8.99", " 5 ", "1_0", "٣", "0.5", "999.49", "\u20035\u2028", "\U00011f53"]),
    st.sampled_from(["999.490001", "0.49", "nan", "inf", "None", "", "—", "$5", "\x1c5", "\U00010d43", None]),
)
fillers = st.one_of(
    st.sampled_from(
        ["", "", "d" * 3000 + " 1 A", "  " * 3000, "d" + "  " * 2990 + "QUALITY 1", "\x00" * 760, "é\n" * 900]
    ),
    st.integers(585, 597).map(lambda chars: ("plate " * 102)[:chars] + "."),  # around 600 with title and brackets
    st.integers(570, 610).map(lambda chars: ("plate " * 102)[:chars]),
    st.integers(85, 102).map(lambda chars: "\u2013" * chars),  # around 600 once they are escaped
    st.integers(2982, 3004).map(lambda chars: ("oak 12 ABCDEFG " * 201)[:chars]),
    st.integers(3960, 4010).map(lambda chars: ("ash 12345678 Z " * 268)[:chars]),
    st.integers(3992, 4012).map(lambda chars: ("elm bark " * 450)[:chars]),
    st.integers(5980, 6020).map(lambda chars: ("a  " * 2010)[:chars] + "'"),
)
lists_of_text = st.one_of(st.sampled_from([None, [], [""]]), st.lists(phrases(), max_size=3))


@st.composite
def rows_of_text(draw: st.DrawFn) -> Row:
    """A row with `details` as text; most have a price, and of these most a text around one of the limits."""
    row: Row = {
        "title": draw(st.one_of(phrases(), phrases(), st.sampled_from(["", "Chair\nQUALITY 1", None]))),
        "price": draw(st.one_of(st.just("10"), st.just("10"), prices)),
        "description": draw(lists_of_text),
        "features": draw(lists_of_text),
        "details": draw(details_texts()),
    }
    filler = draw(fillers)
    if draw(st.sampled_from([True, False, False])):
        alone = draw(
            st.sampled_from([{"title": "Chair", "description": [filler]}, {"title": filler, "description": []}])
        )
        return row | {"features": None, "details": None} | alone
    match draw(st.sampled_from(["title", "before", "after", "features", "details"])):
        case "title":
            row["title"] = filler + (row["title"] or "")
        case "before":
            row["description"] = [filler, *(row["description"] or [])]
        case "after":
            row["description"] = [*(row["description"] or []), filler]
        case "features":
            row["features"] = [*(row["features"] or []), filler + draw(fragments)]
        case _:
            details = plain.details_of(row["details"]) | {"Filler": filler}
            row["details"] = json.dumps(details)
    return encodable(row)


def encodable(row: Row) -> Row:
    """Replaces lone surrogates, as the reader does; details have none that is not escaped."""

    def cleaned(text: str | None) -> str | None:
        return None if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    lists = {name: row[name] and [cleaned(text) for text in row[name]] for name in ("description", "features")}
    return row | lists | {name: cleaned(row[name]) for name in ("title", "price", "details")}


@pytest.mark.seconds
@examples(250)
@given(st.lists(rows_of_text(), max_size=4))
@example([])
def test_any_row_is_judged_as_the_plain_version_does(rows: list[Row]) -> None:
    expected = [plain.judge(row, DEFAULTS) for row in rows]
    for judgement in expected:
        event(judgement[0])
    assert same(judged(table(rows)), expected)


@examples(100)
@given(rows=st.lists(rows_of_text(), min_size=1, max_size=3))
def test_any_text_and_weight_is_that_of_the_plain_version_however_short(rows: list[Row]) -> None:
    priced = [row | {"price": "10", "title": row["title"] or ""} for row in rows]
    assert same(judged(table(priced), ANY_LENGTH), [plain.judge(row, ANY_LENGTH) for row in priced])


@examples(80)
@given(row=rows_of_text(), beside=st.integers(-1, 1), chars_each=st.integers(1, 40))
def test_every_limit_is_exact_whatever_it_is_set_to(row: Row, beside: int, chars_each: int) -> None:
    """Each limit is set in turn to where this very row is, or to one beside it."""
    row |= {"title": row["title"] or "", "price": "10"}

    def checked(**limits: int) -> str:
        config = Course2025Settings.model_validate({"min_chars": 0, "max_chars": 100_000} | limits)
        expected = plain.judge(row, config)
        assert same(judged(table([row]), config), [expected])
        return expected[0]

    num_chars = len(plain.full_of(row, DEFAULTS))
    assert (checked(min_chars=max(0, num_chars + beside)) == DropReason.TEXT_TOO_SHORT) is (beside > 0)
    assert checked(max_chars=max(1, num_chars + beside)) == KEPT
    assert checked(max_chars_each=chars_each) == KEPT


@examples(50)
@given(rows=st.lists(rows_of_text(), min_size=1, max_size=5), data=st.data())
def test_chunks_do_not_change_an_answer(rows: list[Row], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), min_size=1, max_size=4)))
    chunked = in_chunks(rows, cuts, listing("beside"))
    assert chunked["title"].num_chunks == len(cuts) + 1
    assert same(judged(chunked), [plain.judge(row, DEFAULTS) for row in rows])


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_rows_are_judged_alike_however_many_are_judged_together(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.recipe.course_2025.recipe._ROWS_AT_ONCE", at_once)
    texts = [FILLER, "QUALITY 1 " + FILLER, "short", "AP49806 " * 90, "é'\x00" * 300]
    prices = ["1", "None", "2", "0"]
    rows = [listing(text, f"{price} A", price=price) for text in texts for price in prices]
    found = judged(table(rows))
    assert found == [plain.judge(row, DEFAULTS) for row in rows]
    assert Counter(judgement[0] for judgement in found) == {
        KEPT: 6,
        "price_missing": 5,
        "price_out_of_range": 5,
        "text_too_short": 4,
    }


@pytest.mark.parametrize("schema", [DETAILS, DETAILS_JSON], ids=["details", "details_json"])
def test_a_batch_may_have_no_row_or_nothing_but_dropped_ones(schema: pa.Schema) -> None:
    without_chunks = pa.table([pa.chunked_array([], field.type) for field in schema], schema=schema)
    for rows in (schema.empty_table(), without_chunks, table([listing()], schema).slice(1)):
        assert judged(rows) == []
    dropped: list[Row] = [{"price": "None"}, {"price": "0.1"}, {"price": "5"}, {"price": "5", "title": "a"}, {}]
    reasons = ["price_missing", "price_out_of_range", "title_missing", "text_too_short", "price_missing"]
    assert judged(table(dropped, schema)) == [(reason, None, None) for reason in reasons]


@pytest.mark.seconds
def test_the_rows_drawn_get_every_verdict_and_reach_every_limit() -> None:
    """Else the tests against the plain version would say little."""
    seen: Counter[str] = Counter()

    @settings(max_examples=700, deadline=None, derandomize=True, database=None)
    @given(rows_of_text())
    def draw(row: Row) -> None:
        verdict, text, pounds = plain.judge(row, DEFAULTS)
        seen[verdict] += 1
        if row["title"] is None:
            return
        whole = plain.full_of(row, DEFAULTS)
        seen["just too short"] += 580 < len(whole) < 600
        seen["just long enough"] += 600 <= len(whole) < 620
        written = [plain.simplified(row[name] or [], 9999) for name in ("description", "features")]
        seen["a list just cut"] += any(3000 < len(text) < 3020 for text in written)
        seen["a list just not cut"] += any(2980 < len(text) <= 3000 for text in written)
        seen["text just cut"] += 4000 < len(whole) < 4040
        if text is not None:
            seen["weighed"] += bool(pounds)
            seen["a blank where a code was"] += "  " in text
            seen["newer characters"] += any(character in plain.LATER for character in text)

    draw()
    assert set(seen) >= {*DropReason, KEPT}
    assert len(seen) == 5 + 8
    assert min(seen.values()) >= 3, seen


# Details as they came


@examples(80)
@given(
    values=st.lists(st.one_of(objects, objects, any_json), min_size=1, max_size=4),
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]),
    is_text=st.booleans(),
)
def test_details_as_they_came_and_details_as_text_give_the_same_answers(
    values: list[Any], ascii_only: bool, separators: tuple[str, str], is_text: bool
) -> None:
    """As an object in JSONL, or as the text of one, as pandas and `datasets` write JSON Lines from the Parquet form."""
    sources = [json.dumps(value, ensure_ascii=ascii_only, separators=separators) for value in values]
    sources = [source.encode("utf-8", "replace").decode() for source in sources]
    rows = [listing(details=source) for source in sources if not source.startswith('"')]
    came = [json.dumps(row["details"]) if is_text else row["details"] for row in rows]
    as_they_came = [listing(details_json=source) for source in came]
    expected = [plain.judge(row, DEFAULTS) for row in rows]
    assert same(judged(table(rows)), expected)
    assert same(judged(table(as_they_came, DETAILS_JSON)), expected)


def test_both_formats_give_the_same_item_of_odd_details(tmp_path: Path) -> None:
    details = [
        '{"Item Weight": "5 pounds", "a": "\\ud800", "a": "\\ud83e\\ude86", "n": NaN, "big": 1e400}',
        '{"a": {"a": 1, "a": 2}, "Item Weight": "nan ounces", "Part Number": "x"}',
        '"{\\"Item Weight\\": \\"8 ounces\\", \\"a\\": \\"\\\\ud800\\"}"',
        "null",
        "[]",
        "{}",
    ]
    head = '{"title": "\\ud800 Chair", "price": 10, "description": ["\\udc00' + FILLER + '"], "details": '
    from_jsonl = judged(read_jsonl(tmp_path / "rows.jsonl", [f"{head}{text}}}".encode() for text in details]))
    rows = [json.loads(f"{head}{text}}}") for text in details]
    texts = [row["details"] if isinstance(row["details"], str) else json.dumps(row["details"]) for row in rows]
    from_parquet = judged(
        table([listing("\ufffd" + FILLER, "\ufffd Chair", details=text) for text in texts]),
    )
    assert same(from_jsonl, from_parquet)
    assert [judgement[0] for judgement in from_jsonl] == [KEPT] * 6
    assert [str(judgement[2]) for judgement in from_jsonl] == ["5.0", "nan", "0.5", "0.0", "0.0", "0.0"]
    assert str(from_jsonl[0][1]).startswith("\ufffd Chair\n['\ufffdwood wood")
    assert str(from_jsonl[0][1]).endswith(
        '\n{"Item Weight": "5 pounds", "a": "\\ud83e\\ude86", "n": NaN, "big": Infinity}'
    )
    assert str(from_jsonl[1][1]).endswith('\n{"a": {"a": 2}, "Item Weight": "nan ounces"}')
    assert str(from_jsonl[2][1]).endswith('\n{"Item Weight": "8 ounces", "a": "\\ud800"}')


# Real rows


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    """What is to come of each real row."""
    if not REAL.is_dir():
        pytest.skip("the real rows are not on this machine")
    return [json.loads(line) for line in lines_of("expected-2025.jsonl.gz")]


@pytest.fixture(scope="module", params=["jsonl", "parquet"])
def real(
    request: pytest.FixtureRequest, expected: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> pa.Table:
    """The real rows as a reader yields them."""
    lines, folder = lines_of("rows.jsonl.gz"), tmp_path_factory.mktemp("real")
    if request.param == "jsonl":
        rows = read_jsonl(folder / "rows.jsonl", lines)
    else:
        rows = read_parquet(folder / "rows.parquet", [json.loads(line) for line in lines])
    assert rows["verdict"].null_count == rows.num_rows == len(expected) > 4000
    assert rows["parent_asin"].to_pylist() == [row["parent_asin"] for row in expected]
    return rows


def answers(expected: list[dict[str, Any]], suffix: str = "") -> list[plain.Judgement]:
    """Returns the expected judgements. A dropped row has no weight here."""
    return [
        (row[f"verdict{suffix}"], row[f"full{suffix}"], row[f"weight{suffix}"] if row[f"full{suffix}"] else None)
        for row in expected
    ]


def priced(rows: pa.Table) -> pa.Table:
    return rows.set_column(rows.column_names.index("price"), "price", pa.array(["10"] * rows.num_rows))


def test_every_real_row_gives_the_expected_item(real: pa.Table, expected: list[dict[str, Any]]) -> None:
    found = judged(real)
    assert found == answers(expected)
    assert Counter(judgement[0] for judgement in found)[KEPT] == 584


def test_every_real_row_gives_the_expected_item_when_it_has_a_price(
    real: pa.Table, expected: list[dict[str, Any]]
) -> None:
    found = judged(priced(real))
    assert found == answers(expected, "_if_priced")
    assert Counter(judgement[0] for judgement in found)[KEPT] == 1744


@pytest.mark.seconds
def test_every_real_row_gives_the_expected_item_when_it_is_judged_alone(
    real: pa.Table, expected: list[dict[str, Any]]
) -> None:
    recipe, rows = make_recipe(DEFAULTS), priced(real)
    found = pa.concat_tables([recipe.judge(rows.slice(index, 1)) for index in range(rows.num_rows)])
    columns = (found[name].to_pylist() for name in ("verdict", "full", "weight"))
    assert list(zip(*columns, strict=True)) == answers(expected, "_if_priced")


@pytest.mark.seconds
def test_the_plain_version_gives_every_expected_item_too(expected: list[dict[str, Any]]) -> None:
    """Else it would be no measure."""
    for line, real, if_priced in zip(
        lines_of("rows.jsonl.gz"), answers(expected), answers(expected, "_if_priced"), strict=True
    ):
        row = json.loads(line)
        row["details"] = json.dumps(row["details"])
        assert plain.judge(row | {"price": str(row["price"])}, DEFAULTS) == real
        assert plain.judge(row | {"price": "10"}, DEFAULTS) == if_priced
