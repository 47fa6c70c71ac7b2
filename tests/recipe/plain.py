"""The price-prompt recipe a second time: one row after the other, each rule as it is worded, slow and obvious.

It shares nothing with the package, so that a mistake would have to be made twice to go unseen.
"""

from __future__ import annotations

import base64
import importlib.resources
from collections.abc import Mapping
from typing import Any, Protocol

import tiktoken


class Settings(Protocol):
    """The recipe's settings, as a config has them."""

    @property
    def min_price(self) -> float: ...
    @property
    def max_price(self) -> float: ...
    @property
    def min_chars(self) -> int: ...
    @property
    def min_tokens(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...


Judgement = tuple[str, str | None, int | None]
"""The verdict, the prompt, and the number of its tokens; the last two only where the verdict is `kept`."""


def llama3() -> tiktoken.Encoding:
    """Returns the Llama 3 encoding without special tokens."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
        r"\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    ranks: dict[bytes, int] = {}
    rank_file = importlib.resources.files("llama_models").joinpath("llama3", "tokenizer.model")
    for line in rank_file.read_text(encoding="ascii").splitlines():
        token, rank = line.split(" ")
        ranks[base64.b64decode(token)] = int(rank)
    return tiktoken.Encoding("plain llama3", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


ENCODING = llama3()


def judge(row: Mapping[str, Any], settings: Settings) -> Judgement:
    """Judges one row.

    Args:
        row: `title`, `price` and `details` as text or None, `description` and `features` as lists of text or None.
        settings: the recipe's settings.
    """
    # 1. price
    if row["price"] is None or row["price"] == "":
        return "price_missing", None, None
    try:
        price = float(row["price"])
    except ValueError:
        return "price_missing", None, None
    # 2. range, then the title
    if not (price >= settings.min_price and price <= settings.max_price):
        return "price_out_of_range", None, None
    if row["title"] is None:
        return "title_missing", None, None
    # 3. contents
    contents = contents_of(row)
    # 4. length
    if not len(contents) > settings.min_chars:
        return "text_too_short", None, None
    # 5. scrub, 6. text, 7. tokens
    tokens = tokens_of(row["title"], contents[: 7 * settings.max_tokens])
    if not len(tokens) > settings.min_tokens:
        return "too_few_tokens", None, None
    text = ENCODING.decode(tokens[: settings.max_tokens])
    # 8. tidy
    text = tidy(text)
    # 9. prompt
    prompt = "How much does this cost to the nearest dollar?\n\n" + text + "\n\nPrice is $" + str(round(price)) + ".00"
    # 10. token_count
    return "kept", prompt, len(ENCODING.encode(prompt, disallowed_special=()))


def contents_of(row: Mapping[str, Any]) -> str:
    """Step 3."""
    contents = ""
    description = "\n".join(row["description"] or [])
    if description != "":
        contents = contents + description + "\n"
    features = "\n".join(row["features"] or [])
    if features != "":
        contents = contents + features + "\n"
    details = row["details"]
    if details is not None and details != "":
        details = details.replace('"Batteries Included?": "No"', "")
        details = details.replace('"Batteries Included?": "Yes"', "")
        details = details.replace('"Batteries Required?": "No"', "")
        details = details.replace('"Batteries Required?": "Yes"', "")
        details = details.replace("By Manufacturer", "")
        details = details.replace("Item", "")
        details = details.replace("Date First", "")
        details = details.replace("Package", "")
        details = details.replace(":", "")
        details = details.replace("Number of", "")
        details = details.replace("Best Sellers", "")
        details = details.replace("Number", "")
        details = details.replace("Product ", "")
        contents = contents + details + "\n"
    return contents


def tokens_of(title: str, contents: str) -> list[int]:
    """Steps 5 to 7, up to the tokens of the whole text."""
    return ENCODING.encode(scrub(title) + "\n" + scrub(contents), disallowed_special=())


def scrub(text: str) -> str:
    """Step 5, for the title or for the contents."""
    blanked = ""
    in_run = False
    for character in text:
        if character in ':[]"{}【】' or character.isspace():
            if not in_run:
                blanked += " "
            in_run = True
        else:
            blanked += character
            in_run = False
    blanked = blanked.strip()
    blanked = blanked.replace(" ,", ",")
    blanked = blanked.replace(",,,", ",")
    blanked = blanked.replace(",,", ",")
    words: list[str] = []
    for word in blanked.split(" "):
        has_digit = False
        for character in word:
            if character.isdigit():
                has_digit = True
        if not (len(word) >= 7 and has_digit):
            words.append(word)
    return " ".join(words)


def tidy(text: str) -> str:
    """Step 8."""
    text = text.replace(" .", ".")
    text = text.replace(" ?", "?")
    text = text.replace(" !", "!")
    text = text.replace(" ,", ",")
    text = text.replace(" ' ", "'")
    text = text.replace(" n't", "n't")
    text = text.replace(" 'm", "'m")
    text = text.replace(" 's", "'s")
    text = text.replace(" 've", "'ve")
    return text.replace(" 're", "'re")


def test_prompt(prompt: str) -> str:
    """The prompt up to and including its last `Price is $`, with nothing after it."""
    answer = "Price is $"
    end = 0
    for begin in range(len(prompt)):
        if prompt[begin : begin + len(answer)] == answer:
            end = begin + len(answer)
    return prompt[:end]
