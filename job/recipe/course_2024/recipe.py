"""The course's recipe of 2024: a listing becomes a question for its price with the answer, or says why not.

The steps and their order are those of the course's loader, so that items equal its published ones byte for byte. A
batch is judged column by column. The price decides first, since half of the rows have none, and nothing else of such a
row is touched; then each step is done for all remaining rows before the next one begins.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.course_2024 import text as rules
from job.recipe.course_2024.explain import explained
from job.recipe.course_2024.prompt import OPENING, PRICE_PREFIX
from job.recipe.course_2024.reasons import DropReason
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.course_2024.words import Head, WordTokenizer
from job.recipe.first_rows import first_finding
from job.recipe.inputs import json_source_name
from job.recipe.listing import INPUTS, first_verdicts
from job.recipe.price import whole_dollars
from job.recipe.protocol import Finding, FirstRows, Roles
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256, Tokenizer, load_tokenizer
from job.recipe.unicode import UNICODE_14
from job.recipe.verdicts import KEPT

_LONG_TITLE_CHARS = 2_000
"""Characters above which a title is judged by itself: it fills the prompt with its first words, or with one long word
that is better counted once."""

_CHARS_AT_ONCE = 4 << 20
"""Characters of titles and contents that are split into words together, at most; that takes up to 20 MB."""

_EMPTY = Head("", 0)


@dataclass(slots=True)
class _Draft:
    """A prompt that is being written."""

    index: int
    """Number of its row in the batch."""
    price: float
    title: str
    contents: str
    """Cut to the characters that count."""
    verdict: str = ""
    """Empty while there is none."""
    first: Head = _EMPTY
    """Line of the title."""
    second: Head = _EMPTY
    """Line of the contents."""
    prompt: str = ""
    num_tokens: int = 0


class Course2024:
    """The recipe. See `job.recipe.protocol.Recipe`, and `Course2024Settings` for what each setting means.

    Args:
        settings: the recipe's settings.
        tokenizer: counts and cuts tokens; the one that the settings name, unless a test has its own.
    """

    name: ClassVar = "course-2024"
    version: ClassVar = 1
    inputs: ClassVar = INPUTS
    drop_reasons: ClassVar[Iterable[str]] = DropReason
    item_schema: ClassVar = pa.schema(
        [
            ("parent_asin", pa.string()),
            ("title", pa.string()),
            ("price", pa.float64()),
            ("prompt", pa.string()),
            ("token_count", pa.int32()),
        ]
    )
    described_as: ClassVar[Mapping[str, Any]] = {
        "roles": Roles(id="parent_asin", title="title", text="prompt", price="price", length="token_count"),
        "heading": "Price prompts",
        "summary": "Product listings, each with a prompt that asks for its price and answers it.",
        "noun": "prompt",
        "length_unit": "tokens",
    }
    fingerprints: ClassVar[Mapping[str, str]] = {"vocabulary": LLAMA3_VOCABULARY_SHA256[:16]}

    def __init__(self, settings: Course2024Settings, tokenizer: Tokenizer | None = None) -> None:
        self._settings = settings
        self._tokenizer = tokenizer or load_tokenizer(settings.tokenizer)
        self._words = WordTokenizer(self._tokenizer)
        self._max_chars = rules.CHARS_PER_TOKEN * settings.max_tokens
        # Tokens that decide all: whether there are enough, and which ones are kept.
        self._needed_tokens = max(settings.max_tokens, settings.min_tokens + 1)

    @classmethod
    def first_rows(cls, first: FirstRows) -> Finding | None:
        """Tells whether anything can become an item of rows like the first ones of a category."""
        return first_finding(first)

    def judge(self, rows: pa.Table) -> pa.Table:
        """Judges each row of a batch; see `Recipe.judge`."""
        settings, size = self._settings, rows.num_rows
        verdicts, candidates = first_verdicts(rows, settings, UNICODE_14)
        prices: list[float | None] = [None] * size
        prompts: list[str | None] = [None] * size
        token_counts: list[int | None] = [None] * size

        at_once = max(1, _CHARS_AT_ONCE // (_LONG_TITLE_CHARS + self._max_chars))
        for start in range(0, len(candidates), at_once):
            for draft in self._drafts(rows, candidates[start : start + at_once]):
                verdicts[draft.index] = draft.verdict
                if draft.verdict == KEPT:
                    prices[draft.index] = draft.price
                    prompts[draft.index], token_counts[draft.index] = draft.prompt, draft.num_tokens

        verdict = pa.array(verdicts, pa.string())
        is_kept = pc.equal(verdict, KEPT)
        identifier, title = (
            pc.if_else(is_kept, rows[name], pa.scalar(None, rows[name].type)) for name in ("parent_asin", "title")
        )
        columns = [verdict, identifier, title, prices, prompts, token_counts]
        return pa.table(columns, schema=_JUDGED_SCHEMA)

    def explain(self, row: pa.Table) -> list[str]:
        """Says what each step finds in a row; see `Recipe`."""
        return list(explained(row, self._settings, self._tokenizer))

    def _texts(self, rows: pa.Table, indices: pa.Array) -> Iterator[tuple[str, str]]:
        """Yields title and contents of some rows, without details where these would be cut off again."""
        source_name = json_source_name("details")
        as_it_came = source_name in rows.column_names
        fields = zip(
            rows["title"].take(indices).to_pylist(),
            _joined(rows["description"].take(indices)).to_pylist(),
            _joined(rows["features"].take(indices)).to_pylist(),
            rows[source_name if as_it_came else "details"].take(indices).to_pylist(),
            strict=True,
        )
        enough = max(self._max_chars, self._settings.min_chars + 1)
        for title, description, features, details in fields:
            if len(description) + len(features) >= enough:
                details = None
            elif as_it_came and details is not None:
                details = rules.details_text(details)
            yield title, rules.contents(description, features, details)

    def _drafts(self, rows: pa.Table, candidates: Sequence[tuple[int, float]]) -> list[_Draft]:
        """Writes the prompts of some rows."""
        drafts: list[_Draft] = []
        texts = self._texts(rows, pa.array([index for index, _ in candidates], pa.int64()))
        for (index, price), (title, contents) in zip(candidates, texts, strict=True):
            draft = _Draft(index, price, title, contents[: self._max_chars])
            drafts.append(draft)
            if len(contents) <= self._settings.min_chars:
                draft.verdict = DropReason.TEXT_TOO_SHORT
            elif len(title) > _LONG_TITLE_CHARS:
                self._plainly(draft)
        self._finish(self._fill(self._open([draft for draft in drafts if not draft.verdict])))
        return drafts

    def _open(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Writes the first lines. Returns the drafts that have room for a second one."""
        titles = self._words.scrub([draft.title for draft in drafts])
        heads = self._words.heads(titles, "\n")
        for draft, num_tokens, draft.first in zip(drafts, titles.totals.tolist(), heads, strict=True):
            if max(num_tokens, draft.first.num_tokens) >= self._settings.max_tokens:
                self._plainly(draft)
        return [draft for draft in drafts if not draft.verdict]

    def _fill(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Writes the second lines. Returns the drafts that have enough tokens."""
        contents = self._words.scrub([draft.contents for draft in drafts])
        left = [self._settings.max_tokens - draft.first.num_tokens for draft in drafts]
        heads = self._words.heads(contents, "\n\n", left)
        for draft, num_tokens, draft.second in zip(drafts, contents.totals.tolist(), heads, strict=True):
            enough = draft.first.num_tokens + num_tokens > self._settings.min_tokens
            draft.verdict = KEPT if enough else DropReason.TOO_FEW_TOKENS
        return [draft for draft in drafts if draft.verdict == KEPT]

    def _finish(self, drafts: Sequence[_Draft]) -> None:
        """Tidies the lines and puts the prompts together."""
        firsts = self._tidied([draft.first for draft in drafts], "\n")
        seconds = self._tidied([draft.second for draft in drafts], "\n\n")
        opening = self._words.count_one(OPENING)
        for draft, first, second in zip(drafts, firsts, seconds, strict=True):
            answer = _answer(draft.price)
            draft.prompt = f"{OPENING}{first.text}\n{second.text}\n\n{answer}"
            if first.text and second.text:
                draft.num_tokens = opening + first.num_tokens + second.num_tokens + self._words.count_one(answer)
            else:
                draft.num_tokens = self._tokenizer.count(draft.prompt)

    def _tidied(self, heads: Sequence[Head], end: str) -> list[Head]:
        """Tidies lines that `end` follows."""
        texts = [head.text for head in heads]
        tidied = [
            rules.tidy(text) if is_untidy else text for text, is_untidy in zip(texts, rules.untidy(texts), strict=True)
        ]
        changed = [text for text, before in zip(tidied, texts, strict=True) if text != before]
        anew = iter(self._words.heads(self._words.split(changed), end))
        return [head if text == head.text else next(anew) for text, head in zip(tidied, heads, strict=True)]

    def _plainly(self, draft: _Draft) -> None:
        """Writes a prompt rule by rule, for a title that fills it."""
        text = rules.scrub(draft.title, self._needed_tokens + 1) + "\n" + rules.scrub(draft.contents)
        num_tokens, text = self._tokenizer.head(text, self._settings.max_tokens)
        if num_tokens <= self._settings.min_tokens:
            draft.verdict = DropReason.TOO_FEW_TOKENS
            return
        draft.verdict = KEPT
        draft.prompt = f"{OPENING}{rules.tidy(text)}\n\n{_answer(draft.price)}"
        draft.num_tokens = self._tokenizer.count(draft.prompt)


_JUDGED_SCHEMA = pa.schema([("verdict", pa.string()), *Course2024.item_schema])


def _answer(price: float) -> str:
    return f"{PRICE_PREFIX}{whole_dollars(price)}"


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.binary_join(lists, "\n"), "")
