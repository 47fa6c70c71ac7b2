"""A price is what Python's `float()` takes, and is kept within a range whose ends belong to it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.recipe.price import PriceDrop, judge_price, whole_dollars
from tests.generated import examples

LOWEST, HIGHEST = 0.5, 999.49


@pytest.mark.parametrize("text", [None, ""])
def test_no_text_is_no_price(text: str | None) -> None:
    assert judge_price(text, LOWEST, HIGHEST) is PriceDrop.MISSING


@pytest.mark.parametrize(
    "text",
    [
        "None",
        "—",
        " ",
        "$5",
        "5 USD",
        "1,000.00",
        "from 5.99",
        ".",
        "0x10",
        "1__0",
        "_1",
        "5\x00",
        "\x1c5",
        "½",
        "²",
        "null",
    ],
)
def test_text_that_float_refuses_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        float(text)
    assert judge_price(text, LOWEST, HIGHEST) is PriceDrop.MISSING


@pytest.mark.parametrize(
    ("text", "price"),
    [
        (" 5 ", 5.0),
        ("\t5\n", 5.0),
        ("\u20035\u2028", 5.0),
        ("1e2", 100.0),
        ("1E-0", 1.0),
        ("1_0", 10.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+5", 5.0),
        ("007", 7.0),
        ("٣", 3.0),
        ("１２.５", 12.5),
    ],
)
def test_unusual_spellings_of_a_number_are_prices(text: str, price: float) -> None:
    assert judge_price(text, LOWEST, HIGHEST) == price


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "inf", "Infinity", "-inf", "1e400"])
def test_what_is_no_finite_number_is_out_of_range(text: str) -> None:
    assert judge_price(text, LOWEST, HIGHEST) is PriceDrop.OUT_OF_RANGE


def test_nan_is_out_of_a_range_without_ends() -> None:
    assert judge_price("nan", -math.inf, math.inf) is PriceDrop.OUT_OF_RANGE


@pytest.mark.parametrize("text", ["0.5", "0.50", "999.49", "999.490"])
def test_both_ends_of_the_range_are_kept(text: str) -> None:
    assert judge_price(text, LOWEST, HIGHEST) == float(text)


@pytest.mark.parametrize("text", ["0.49", "0.499999", "999.490001", "999.5", "0", "-0.0", "-5", "1e5"])
def test_what_lies_beyond_the_ends_is_dropped(text: str) -> None:
    assert judge_price(text, LOWEST, HIGHEST) is PriceDrop.OUT_OF_RANGE


def test_both_ends_of_the_range_are_settings() -> None:
    assert judge_price("2", 2.0, 3.0) == 2.0
    assert judge_price("3", 2.0, 3.0) == 3.0
    assert judge_price("1.99", 2.0, 3.0) is PriceDrop.OUT_OF_RANGE
    assert judge_price("3.01", 2.0, 3.0) is PriceDrop.OUT_OF_RANGE
    assert judge_price("-5", -5.0, -5.0) == -5.0


@examples(300)
@given(st.one_of(st.floats().map(str), st.integers().map(str), st.text("0123456789.eE+-_ \tinfa²٣", max_size=6)))
def test_any_text_is_judged_as_float_and_the_range_say(text: str) -> None:
    try:
        price = float(text)
    except ValueError:
        expected: float | PriceDrop = PriceDrop.MISSING
    else:
        expected = price if LOWEST <= price <= HIGHEST else PriceDrop.OUT_OF_RANGE
    assert judge_price(text, LOWEST, HIGHEST) == expected


@pytest.mark.parametrize(
    ("price", "written"),
    [
        (0.5, "0.00"),
        (0.51, "1.00"),
        (1.5, "2.00"),
        (2.5, "2.00"),
        (3.5, "4.00"),
        (2.500001, "3.00"),
        (8.99, "9.00"),
        (12.0, "12.00"),
        (999.49, "999.00"),
        (1234567.0, "1234567.00"),
    ],
)
def test_a_price_is_written_to_the_nearest_dollar_and_halves_to_the_even_one(price: float, written: str) -> None:
    assert whole_dollars(price) == written
