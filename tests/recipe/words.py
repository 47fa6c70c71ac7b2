"""Words that are hard to tell apart, and texts made of them."""

from __future__ import annotations

import random
import sys

CHARACTERS = [
    *"abzAZ019.,;!?'’`\"()[]{}<>/\\|-_+=*&^%$#@~\x00\x1b\x7f",
    *"éßñİıǅ漢字仮ひカ한ॐกَ",
    *"²³½Ⅷ٣९①𝟘",
    *"\u0301\u0308\u20dd\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f\ufffd\u180e",
    *"😀🪆𓀀",
    "👨‍👩‍👧",
    "🇫🇷",
    "ﷺ",
]
WHITE_SPACE = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
STRINGS = [
    *[
        "'s",
        "'S",
        "'t",
        "'T",
        "'re",
        "'rE",
        "'ve",
        "'m",
        "'ll",
        "'Ll",
        "'d",
        "'ſ",
        "n't",
        "it's",
        "IT'STOP",
        "'restart",
    ],
    *["wood", "Chair", "dishwasher", "HTTPServer", "<|eot_id|>", "Price is $5.00", "AP4980", "AP49806", "12345678"],
    *["...", "?!", "),", "---", "====", "1,234.5", "10x12", "&amp;", "</p>", "caf\u0301e", "a\x00b", "don’t"],
]


def random_word(draw: random.Random) -> str:
    """A word of nothing or a few things in a row: characters, strings, or one of them many times."""
    parts = [
        draw.choice(CHARACTERS) if draw.random() < 0.6 else draw.choice(STRINGS) for _ in range(draw.randint(1, 4))
    ]
    word = "".join(parts) * draw.choice([1, 1, 1, 1, 1, 1, 1, 2, 9])
    return word.replace(" ", "")


def random_line(draw: random.Random) -> str:
    return " ".join(random_word(draw) for _ in range(draw.choice([0, 1, 2, 5, 20, 60])))


def random_text(draw: random.Random) -> str:
    """A text whose only white space is single blanks and newlines, with a character at its beginning."""
    text = "\n".join(random_line(draw) for _ in range(draw.choice([1, 2, 2, 2, 3, 5])))
    return " ".join(filter(None, text.split(" "))).lstrip("\n")
