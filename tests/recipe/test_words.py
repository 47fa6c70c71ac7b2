"""Counting and cutting word by word gives what the tokenizer gives for the whole text."""

from __future__ import annotations

import random
import re
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.recipe.course_2024 import words as words_module
from job.recipe.course_2024.recipe import Course2024
from job.recipe.course_2024.scrubbed import scrubbed
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.course_2024.text import is_part_number, pieces_of, scrub, words_of
from job.recipe.course_2024.words import WordTokenizer
from job.recipe.registry import make_recipe
from job.recipe.tokenizer import TiktokenTokenizer, load_tokenizer
from tests.generated import examples
from tests.recipe import plain

ENCODING = plain.ENCODING
LLAMA3 = load_tokenizer("llama3")

NUM_TEXTS = 3_000
NUM_TEXTS_SLOW = 100_000

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
    return "\n".join(random_line(draw) for _ in range(draw.choice([1, 2, 2, 2, 3, 5])))


def counted(known: WordTokenizer, text: str) -> int:
    """Counts the tokens of a text, line by line, each with the newlines behind it."""
    total = 0
    for line, end in re.findall(r"([^\n]+)(\n*)", text):
        (head,) = known.heads(known.split([line]), end)
        assert head.text == line
        total += head.num_tokens
    return total


def check_counts(known: WordTokenizer, texts: Iterator[str]) -> None:
    for text in (text.lstrip("\n") for text in texts):
        assert counted(known, text) == len(ENCODING.encode_ordinary(text)), repr(text)


def check_heads(known: WordTokenizer, texts: Iterable[str], draw: random.Random) -> None:
    """Scrubs and cuts texts together, as if each were alone."""
    texts = list(texts)
    scrubbed = [plain.scrub(text) for text in texts]
    tokens = [ENCODING.encode_ordinary(text) for text in scrubbed]
    lines = known.scrub(texts)
    assert lines.totals.tolist() == [len(ids) for ids in tokens]
    for end in ("", "\n", "\n\n", "\n\n\n"):
        for text, head, line in zip(texts, known.heads(lines, end), scrubbed, strict=True):
            assert head == (line, len(ENCODING.encode_ordinary(line + end))), repr(text)
        max_tokens = [draw.randint(1, max(1, len(ids) + 2)) for ids in tokens]
        for text, head, ids, limit in zip(texts, known.heads(lines, end, max_tokens), tokens, max_tokens, strict=True):
            assert head.text == ENCODING.decode(ids[:limit]), repr(text)
            assert head.num_tokens == len(ENCODING.encode_ordinary(head.text + end)), repr(text)


@pytest.mark.seconds
@pytest.mark.parametrize(
    "num_texts", [NUM_TEXTS, pytest.param(NUM_TEXTS_SLOW, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_texts_have_as_many_tokens_as_the_tokenizer_says(num_texts: int) -> None:
    draw = random.Random(1)
    check_counts(WordTokenizer(LLAMA3), (random_text(draw) for _ in range(num_texts)))


@pytest.mark.seconds
@pytest.mark.parametrize(
    "num_texts", [NUM_TEXTS, pytest.param(NUM_TEXTS_SLOW, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_texts_are_scrubbed_and_cut_as_rules_and_tokenizer_say(num_texts: int) -> None:
    draw = random.Random(2)
    known = WordTokenizer(LLAMA3)
    for _ in range(0, num_texts, 50):
        check_heads(known, [random_line(draw) for _ in range(50)], draw)


one_word = st.one_of(
    st.sampled_from(CHARACTERS + STRINGS),
    st.lists(st.sampled_from(CHARACTERS + STRINGS), max_size=5).map("".join),
    st.text(max_size=6),
).map(lambda word: "".join(word.split()))
text_lines = st.lists(st.lists(one_word.filter(bool), max_size=12).map(" ".join), min_size=1, max_size=4)


@examples(500)
@given(text_lines)
def test_any_text_of_words_and_newlines_is_counted_as_the_tokenizer_does_it(lines: list[str]) -> None:
    check_counts(WordTokenizer(LLAMA3), iter(["\n".join(lines)]))


@pytest.mark.seconds
@examples(500)
@given(
    st.lists(
        st.lists(st.one_of(one_word, st.sampled_from([*WHITE_SPACE, " ,", ",", ": ", '", "'])), max_size=40).map(
            "".join
        ),
        max_size=3,
    ),
    st.randoms(use_true_random=False),
)
def test_any_texts_are_scrubbed_and_cut_as_rules_and_tokenizer_say(texts: list[str], draw: random.Random) -> None:
    check_heads(WordTokenizer(LLAMA3), texts, draw)


@pytest.mark.seconds
def test_of_all_characters_white_space_and_brackets_part_words_and_no_others() -> None:
    parting: list[str] = []
    for plane in range(0, sys.maxunicode + 1, 0x10000):
        characters = [chr(code) for code in range(plane, plane + 0x10000) if not 0xD800 <= code < 0xE000]
        lines = scrubbed([f"a{character}b" for character in characters]).split(b"\xff")[1:-1]
        parting += [character for character, line in zip(characters, lines, strict=True) if line == b"a b"]
    assert sorted(parting) == sorted([*WHITE_SPACE, *':[]"{}【】'])


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("word", ["wood", "wood)", "wood,", "12", "'", "'s", "...", "🪆", "e\u0301", "\x00", "n't"])
def test_newlines_behind_a_word_are_counted_with_it(word: str, end: str) -> None:
    known = WordTokenizer(LLAMA3)
    for text in (word, f"a {word}", f"{word} a {word}"):
        for found in (known.scrub([text]), known.split([text])):
            assert known.heads(found, end) == [(text, len(ENCODING.encode_ordinary(text + end)))]


def test_the_first_word_is_the_first_that_stays() -> None:
    known = WordTokenizer(LLAMA3)
    for text in ("AP49806 wood", ": AP49806 [1811003] dishwasher AP49806 wood"):
        check_heads(known, ["", text, "AP49806", text], random.Random(0))


@pytest.mark.parametrize("text", ["", " ", "AP49806", ': "1234567" '])
def test_a_text_of_which_nothing_stays_has_no_tokens(text: str) -> None:
    known = WordTokenizer(LLAMA3)
    for texts in ([text], [text, "wood", text, text, "AP49806 wood", text]):
        found = known.scrub(texts)
        assert found.totals[0] == found.totals[-1] == 0
        heads = known.heads(found, "\n\n", [5] * len(texts))
        assert heads[0] == heads[-1] == ("", 1)


def test_no_texts_are_no_lines() -> None:
    known = WordTokenizer(LLAMA3)
    assert known.heads(known.scrub([]), "\n") == known.heads(known.split([]), "\n", []) == []


# What is remembered


def test_no_white_space_but_the_blank_is_printable() -> None:
    """Scrubbing looks for other white space in texts with a character that is not printable, and in no others."""
    assert [character for character in WHITE_SPACE if character.isprintable()] == [" "]


def test_answers_stay_right_when_remembering_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "_MAX_REMEMBERED", 7)
    draw = random.Random(3)
    known = WordTokenizer(LLAMA3)
    check_counts(known, (random_text(draw) for _ in range(300)))
    for _ in range(30):
        check_heads(known, [random_line(draw) for _ in range(10)], draw)


@pytest.mark.seconds
def test_memory_is_bounded_however_many_words_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each of two kinds: words that are all different, and words that are long."""
    monkeypatch.setattr(words_module, "_MAX_REMEMBERED", 1_000)
    known = WordTokenizer(LLAMA3)
    known.heads(known.split(["a word"]), "\n")  # which loads the vocabulary, unless a test before this one has
    tracemalloc.start()
    try:
        for start in range(0, 8_000, 500):
            numbers = range(start, start + 500)
            known.scrub([f"{number:x}y b{number:x}z" for number in numbers])
            known.heads(known.split([f"{number:x} b{number:x}" for number in numbers]), "\n")
        for start in range(0, 400, 50):
            known.scrub([f"{number:03} " + "漢" * 5_000 + str(number) for number in range(start, start + 50)])
        size_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size_bytes < 1_500_000


# Long texts in pieces

spans = st.one_of(
    st.sampled_from([*WHITE_SPACE, *':[]"{}【】,,,,', "a", "漢", "(", "AP49806", "1", "²"]), st.text(max_size=2)
)


@examples(500)
@given(st.lists(spans, max_size=60).map("".join), st.integers(0, 12))
def test_pieces_of_a_text_have_its_words(text: str, min_chars: int) -> None:
    pieces = list(pieces_of(text, min_chars))
    assert "".join(pieces) == text
    assert all(len(piece) > min_chars for piece in pieces[:-1])
    found = [word for piece in pieces for word in words_of(piece)]
    assert found == words_of(text)
    assert " ".join(word for word in found if not is_part_number(word)) == plain.scrub(text)


@examples(200)
@given(st.lists(spans, max_size=60).map("".join), st.integers(1, 20))
def test_the_first_words_of_a_long_text_are_enough(text: str, max_words: int) -> None:
    long = " ".join([text] * 300)
    expected = plain.scrub(long).split(" ")
    found = scrub(long, max_words).split(" ")
    assert found == expected[: len(found)]
    assert len(found) >= min(max_words, len(expected))


def check_title(title: str, config: Course2024Settings, description: str = "wood " * 200, details: str = "") -> None:
    row: dict[str, Any] = {"title": title, "parent_asin": "B0", "price": "5", "details": details}
    row |= {"description": [description], "features": []}
    schema = pa.schema([(name, pa.list_(pa.string()) if isinstance(row[name], list) else pa.string()) for name in row])
    (found,) = make_recipe(config).judge(pa.Table.from_pylist([row], schema=schema)).to_pylist()
    assert (found["verdict"], found["prompt"], found["token_count"]) == plain.judge(row, config)


@pytest.mark.parametrize("part", ["wood chair ", "a1234567 ", " ", " ,", '"1234567"', "\t1234567", "(1234567 "])
@pytest.mark.parametrize("times", [900, 1_100, 30_000])
def test_a_very_long_title_of_many_words_is_judged_by_its_first_ones(part: str, times: int) -> None:
    check_title(part * times + "End of the title", Course2024Settings())


@pytest.mark.parametrize("last", ["wood ", ") ", ")))) "])
@pytest.mark.parametrize("words", range(157, 163))
def test_a_title_that_just_fills_a_prompt_ends_where_it_should(words: int, last: str) -> None:
    """Whether it ends there, or goes on after many part numbers, which are read in pieces."""
    for rest in ("", "a1234567 " * 3_000, "a1234567 " * 3_000 + "chair " * 9):
        check_title("wood " * (words - 1) + last + rest, Course2024Settings())


@pytest.mark.parametrize("max_tokens", range(1, 30))
def test_a_title_cut_within_a_character_is_cut_once(max_tokens: int) -> None:
    """What is left of a character has fewer tokens than it had, and `+-` has more with a newline behind it."""
    for title in ("𓀀" * 9, "0𐅎 " * 9, "wood 🪆🪆🪆🪆", "wood))))", "wood )", "wood +/-", "+-+-+-+-"):
        check_title(title, Course2024Settings(max_tokens=max_tokens, min_tokens=0))
        check_title(title, Course2024Settings(max_tokens=max_tokens, min_tokens=max_tokens + 3))


@pytest.mark.parametrize("title", ["Chair", "Chair)", "", "AP49806"])
def test_contents_may_be_nothing_but_what_is_left_out(title: str) -> None:
    """Then all newlines behind the title are in one token."""
    check_title(title, Course2024Settings(min_chars=0, min_tokens=0), "[] 1234567 " * 40)


@pytest.mark.parametrize("num_chars", [1_119, 1_120, 1_499, 1_500])
def test_details_count_where_more_characters_are_asked_for_than_are_looked_at(num_chars: int) -> None:
    check_title("Chair", Course2024Settings(min_chars=1_500), ("wood " * 400)[: num_chars - 1], "steel")


def test_a_very_long_word_is_encoded_once_and_its_head_perhaps_again() -> None:
    """A word of 10 MB takes the tokenizer up to 10 s."""
    encoded = 0

    class Counting(TiktokenTokenizer):
        def count(self, text: str) -> int:
            nonlocal encoded
            encoded += len(text)
            return super().count(text)

        def head(self, text: str, max_tokens: int) -> tuple[int, str]:
            nonlocal encoded
            encoded += len(text)
            return super().head(text, max_tokens)

    settings = Course2024Settings(min_price=0.0, max_price=9.0, min_chars=0, min_tokens=0)
    recipe = Course2024(settings, Counting(ENCODING))
    row = {
        "title": "x" * 50_000,
        "parent_asin": "B0",
        "price": "5",
        "description": ["wood"],
        "features": ["wood"],
        "details": "",
    }
    assert recipe.judge(pa.Table.from_pylist([row]))["verdict"].to_pylist() == ["kept"]
    assert 50_000 <= encoded < 60_000


def hugging_face_llama3() -> Any:
    """Makes the tokenizer anew with the library `tokenizers`, which has code of its own for pattern and merges."""
    tokenizers = pytest.importorskip("tokenizers")
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}

    def spelled(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    ranks = {ENCODING.decode_single_token_bytes(rank): rank for rank in range(ENCODING.n_vocab)}
    merges: list[tuple[str, str]] = []
    for token in ranks:
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(ranks[left], ranks[right]) for left, right in pairs if left in ranks and right in ranks]
        merges += [
            (spelled(ENCODING.decode_single_token_bytes(left)), spelled(ENCODING.decode_single_token_bytes(right)))
            for left, right in sorted(known)
        ]
    vocabulary = {spelled(token): rank for token, rank in ranks.items()}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges, ignore_merges=True))
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(ENCODING._pat_str), "isolated")  # pyright: ignore[reportPrivateUsage]
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, byte_level])
    return tokenizer


@pytest.mark.seconds
def test_hugging_face_counts_the_same() -> None:
    tokenizer = hugging_face_llama3()
    draw = random.Random(4)
    known = WordTokenizer(LLAMA3)
    for text in (random_text(draw) for _ in range(NUM_TEXTS)):
        text = text.lstrip("\n")
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == ENCODING.encode_ordinary(text), repr(text)
        assert counted(known, text) == len(ids), repr(text)
