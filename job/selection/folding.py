"""When are two titles, or two texts, the same, and which words do they have?

Everything here answers by the tables of Unicode 15.0, on every Python. Python 3.11 has those of 14.0, 3.12 of 15.0,
3.13 of 15.1. They agree on which characters are white space and, up to 15.1, on how characters fold; they disagree on
`str.isalnum` for 4,388 and 622 characters that 15.0 and 15.1 added, and on `str.isdigit` for 20. Unicode 16.0 adds the
first letters since that fold, such as U+A7CB. So a character that is newer than 14.0 folds to itself, and one that is
newer than 15.0 is neither a letter nor a digit.
"""

from __future__ import annotations

import itertools

from job.recipe.unicode import UNICODE_15

_stable = UNICODE_15.stable
_ASCII = "".join(map(chr, range(128)))
ASCII_FOLDED = "".join(" " if character.isspace() else character.casefold() for character in _ASCII).encode() + bytes(
    range(128, 256)
)
"""What each byte becomes: ASCII is folded, with white space as a blank, and other bytes stay as they are."""
_ASCII_OTHERS = "".join(character for character in _ASCII if not character.isalnum())


def folded(text: str | None) -> str:
    """Folds a title or a text: two are the same when they are equal after it.

    Args:
        text: as it came; None counts as empty.

    Returns:
        The text with its case folded, with one blank for each run of white space, and none at its ends. What is folded
        already stays as it is.
    """
    if not text:
        return ""
    if text.isascii():
        found = text.encode("ascii").translate(ASCII_FOLDED)
        while b"  " in found:
            found = found.replace(b"  ", b" ")
        return found.strip(b" ").decode("ascii")
    stable = _stable(text)
    if stable is text:
        return " ".join(text.casefold().split())
    kept = (one.casefold() if one == other else one for one, other in zip(text, stable, strict=True))
    return " ".join("".join(kept).split())


def words(text: str) -> list[str]:
    """Returns the words of a folded text, in order.

    Args:
        text: what `folded` returned.

    Returns:
        What stands between blanks, without the characters at either end that are neither letters nor digits; what has
        no other characters is no word.
    """
    others = _ASCII_OTHERS if text.isascii() else "".join(one for one in set(text) if not _stable(one).isalnum())
    return [word for between in text.split(" ") if (word := between.strip(others))]


def number_words(title: str, text: str) -> tuple[str, ...]:
    """Returns the words that contain a digit. Items that differ in them, as "16 GB" and "64 GB" do, are not the same.

    Args:
        title: the folded title.
        text: the folded text.

    Returns:
        The words of both, sorted, each as often as it occurs.
    """
    # Most words are of letters alone, which `isalpha` tells at once.
    numbers = (word for word in f"{title} {text}".split(" ") if not word.isalpha() and _has_digit(word))
    return tuple(sorted(word for number in numbers for word in words(number)))


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, _stable(word)))


def shingles(words: list[str]) -> set[str]:
    """Returns all runs of three words, by which texts are compared.

    Args:
        words: the words of a text.

    Returns:
        The runs, with blanks between the words. One or two words are one run; without words there is none.
    """
    if 0 < len(words) < 3:
        return {" ".join(words)}
    return set(
        map(" ".join, zip(words, itertools.islice(words, 1, None), itertools.islice(words, 2, None), strict=False))
    )
