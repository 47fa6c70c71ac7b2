"""The course's recipe of 2024: a listing becomes a question for its price with the answer, or says why not.

The steps and their order are those of the course's loader, so that items equal its published ones byte for byte. A
batch is judged column by column. The price decides first, since half of the rows have none, and nothing else of such a
row is touched; then each step is done for all remaining rows before the next one begins.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.course_2024 import text as rules
from job.recipe.course_2024.explain import explained
from job.recipe.course_2024.prompt import OPENING, PRICE_PREFIX
from job.recipe.course_2024.reasons import DropReason
from job.recipe.course_2024.scrubbed import scrub_all
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.first_rows import first_finding
from job.recipe.inputs import json_source_name
from job.recipe.listing import INPUTS, first_verdicts
from job.recipe.price import whole_dollars
from job.recipe.protocol import Finding, FirstRows, Roles
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256, Tokenizer, Tokens, load_tokenizer
from job.recipe.unicode import UNICODE_14
from job.recipe.verdicts import KEPT

_LONG_TITLE_CHARS = 2_000
"""Characters above which a title is scrubbed by itself, and only as far as its first words, which are enough."""

_CHARS_AT_ONCE = 1 << 20
"""Characters of titles and contents that are scrubbed together, at most."""

_NUM_COUNTS = 4_096
"""Number of texts whose count of tokens is remembered: 1,000 answers of the course's prices, and words at the end."""
_COUNTED_CHARS = 30
"""Characters of a last word whose count is remembered, at most; in Chinese it may be the whole text."""


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
        self._count = functools.lru_cache(_NUM_COUNTS)(self._tokenizer.count)
        self._max_chars = rules.CHARS_PER_TOKEN * settings.max_tokens
        self._first_chars = self._max_chars * 2 // 3  # English has some 4 of the 7 characters a token that are kept
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
        """Returns title and contents of some rows, without details where these would be cut off again."""
        source_name = json_source_name("details")
        as_it_came = source_name in rows.column_names
        titles: list[str] = rows["title"].take(indices).to_pylist()
        descriptions, features = (_joined(rows[name].take(indices)).to_pylist() for name in ("description", "features"))
        details: list[str | None] = rows[source_name if as_it_came else "details"].take(indices).to_pylist()
        enough = max(self._max_chars, self._settings.min_chars + 1)
        wanted: list[str | None] = []
        for description, feature, text in zip(descriptions, features, details, strict=True):
            if len(description) + len(feature) >= enough:
                text = None
            elif as_it_came and text is not None:
                text = rules.details_text(text)
            wanted.append(text)
        return zip(titles, map(rules.contents, descriptions, features, rules.without_phrases(wanted)), strict=True)

    def _drafts(self, rows: pa.Table, candidates: Sequence[tuple[int, float]]) -> list[_Draft]:
        """Writes the prompts of some rows."""
        drafts: list[_Draft] = []
        texts = self._texts(rows, pa.array([index for index, _ in candidates], pa.int64()))
        for (index, price), (title, contents) in zip(candidates, texts, strict=True):
            draft = _Draft(index, price, title, contents[: self._max_chars])
            if len(contents) <= self._settings.min_chars:
                draft.verdict = DropReason.TEXT_TOO_SHORT
            drafts.append(draft)
        self._write([draft for draft in drafts if not draft.verdict])
        return drafts

    def _write(self, drafts: Sequence[_Draft]) -> None:
        """Writes prompts, as far as there are enough tokens for them."""
        kept: list[_Draft] = []
        texts: list[str] = []
        firsts: list[Tokens] = []
        for draft, text, tokens in self._tokenized(drafts):
            draft.verdict = KEPT if len(tokens) > self._settings.min_tokens else DropReason.TOO_FEW_TOKENS
            if draft.verdict == KEPT:
                kept.append(draft)
                texts.append(text)
                firsts.append(tokens[: self._settings.max_tokens].copy())  # a view would keep them all
        texts = self._tokenizer.cut_all(texts, firsts)
        counts: list[int | None] = [*self._tokenizer.before_last_blanks(firsts)]
        for draft, text, before_last, is_untidy in zip(kept, texts, counts, rules.untidy(texts), strict=True):
            answer = f"{PRICE_PREFIX}{whole_dollars(draft.price)}"
            if is_untidy and (tidy := rules.tidy(text)) != text:
                text, before_last = tidy, None
            draft.prompt = f"{OPENING}{text}\n\n{answer}"
            draft.num_tokens = self._count_prompt(draft.prompt, text, before_last, answer)

    def _count_prompt(self, prompt: str, text: str, before_last: int | None, answer: str) -> int:
        """Counts the tokens of a prompt. Of a text whose tokens are known only the last word can get others in it."""
        blank = text.rfind(" ")
        if before_last is None or text.startswith("\n") or blank <= text.rfind("\n"):
            return self._tokenizer.count(prompt)
        last = f"{text[blank:]}\n\n"
        count = self._count if len(last) <= _COUNTED_CHARS else self._tokenizer.count
        return self._count(OPENING) + before_last + count(last) + self._count(answer)

    def _tokenized(self, drafts: Sequence[_Draft]) -> Iterator[tuple[_Draft, str, Tokens]]:
        """Yields texts as far as they are needed, and their first tokens.

        Most have enough of them in two thirds of their contents. The rest is scrubbed only where it is needed.
        """
        cuts = [rules.next_word(draft.contents, self._first_chars) for draft in drafts]
        contents = scrub_all([draft.contents[:cut] for draft, cut in zip(drafts, cuts, strict=True)])
        texts = [f"{title}\n{first}" for title, first in zip(self._titles(drafts), contents, strict=True)]
        needed = self._needed_tokens
        tokens = [self._tokenizer.first_tokens(text, needed) for text in texts]
        short = [index for index, found in enumerate(tokens) if len(found) < needed]
        rests = scrub_all([drafts[index].contents[cuts[index] :] for index in short])
        for index, rest in zip(short, rests, strict=True):
            if rest:
                texts[index] += rest if texts[index].endswith("\n") else f" {rest}"
                tokens[index] = self._tokenizer.first_tokens(texts[index], needed)
        return zip(drafts, texts, tokens, strict=True)

    def _titles(self, drafts: Sequence[_Draft]) -> list[str]:
        """Returns scrubbed titles; of a long one the first words, which are enough."""
        titles = scrub_all(["" if len(draft.title) > _LONG_TITLE_CHARS else draft.title for draft in drafts])
        for index, draft in enumerate(drafts):
            if len(draft.title) > _LONG_TITLE_CHARS:
                titles[index] = rules.scrub(draft.title, self._needed_tokens + 1)
        return titles


_JUDGED_SCHEMA = pa.schema([("verdict", pa.string()), *Course2024.item_schema])


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.binary_join(lists, "\n"), "")
