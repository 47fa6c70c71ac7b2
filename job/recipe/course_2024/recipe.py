"""The price-prompt recipe: a listing becomes a question for its price, or says why not.

The steps and their order are the course loader's, so that items equal its published ones byte for byte. A batch is
judged column by column: the price decides first, since half the rows have none, and nothing else of such a row is
touched; then each step is done for all that are left before the next one begins.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.course_2024 import text as rules
from job.recipe.course_2024.words import Head, WordTokenizer
from job.recipe.price import judge_price, whole_dollars
from job.recipe.tokenizer import Tokenizer
from job.recipe.verdicts import KEPT, DropReason

QUESTION = "How much does this cost to the nearest dollar?"
PRICE_PREFIX = "Price is $"
_OPENING = QUESTION + "\n\n"

_LONG_TITLE_CHARS = 2_000
"""A longer title mostly fills the prompt, with its first words or with a long one that is better counted once."""

_CHARS_AT_ONCE = 4 << 20
"""At most so many characters of titles and contents are taken apart together, which takes up to 20 MB."""

_CHARS_PER_TOKEN = 7
"""Contents are cut to this many characters for each token kept, before anything slow looks at them."""

JUDGED_SCHEMA = pa.schema(
    [
        ("verdict", pa.string()),
        ("price", pa.float64()),
        ("prompt", pa.string()),
        ("token_count", pa.int32()),
    ]
)


def test_prompt(prompt: str) -> str:
    """Cuts the answer off a prompt, to ask a trained model for it.

    The course cuts at the first `Price is $`, and so loses text where a listing says that itself; this cuts at the
    last one. It is the one place where this project differs from the course on purpose.

    Args:
        prompt: an item's prompt.

    Returns:
        The prompt up to and including its last `Price is $`.
    """
    return prompt.rpartition(PRICE_PREFIX)[0] + PRICE_PREFIX


test_prompt.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # no test, whatever its name


_EMPTY = Head("", 0)


@dataclass(slots=True)
class _Draft:
    """A prompt on its way."""

    index: int
    """Its row's."""
    price: float
    title: str
    contents: str
    """So much of them as counts."""
    verdict: str = ""
    """None so far, when empty."""
    first: Head = _EMPTY
    """The title's line."""
    second: Head = _EMPTY
    """The contents' line."""
    prompt: str = ""
    num_tokens: int = 0


@dataclass(kw_only=True, slots=True)
class PricePrompt:
    """The recipe with its settings. See `RecipeConfig` for what each means."""

    min_price: float
    max_price: float
    min_chars: int
    min_tokens: int
    max_tokens: int
    tokenizer: Tokenizer
    _words: WordTokenizer = field(init=False)
    _max_chars: int = field(init=False)
    _needed_tokens: int = field(init=False)
    """So many decide all: whether there are enough, and which ones are kept."""

    def __post_init__(self) -> None:
        self._words = WordTokenizer(self.tokenizer)
        self._max_chars = _CHARS_PER_TOKEN * self.max_tokens
        self._needed_tokens = max(self.max_tokens, self.min_tokens + 1)

    def judge(self, rows: pa.Table) -> pa.Table:
        """Judges each row of a batch.

        Args:
            rows: well-formed rows, with the columns `title`, `price` (text), `description`, `features` (lists of
                text), and either `details` (JSON text as `json.dumps` writes it) or `details_json` (JSON text as it
                came).

        Returns:
            A table in `JUDGED_SCHEMA` with as many rows in the same order; all but `verdict` is null where the
            verdict is not `kept`.
        """
        size = rows.num_rows
        verdicts: list[str] = [KEPT] * size
        prices: list[float | None] = [None] * size
        prompts: list[str | None] = [None] * size
        token_counts: list[int | None] = [None] * size

        candidates: list[tuple[int, float]] = []
        judged = {
            text: judge_price(text, self.min_price, self.max_price) for text in rows["price"].unique().to_pylist()
        }
        fields = zip(rows["price"].to_pylist(), rows["title"].is_valid().to_pylist(), strict=True)
        for index, (price_text, is_titled) in enumerate(fields):
            price = judged[price_text]
            if isinstance(price, DropReason):
                verdicts[index] = price
            elif not is_titled:
                verdicts[index] = DropReason.TITLE_MISSING
            else:
                candidates.append((index, price))

        at_once = max(1, _CHARS_AT_ONCE // (_LONG_TITLE_CHARS + self._max_chars))
        for start in range(0, len(candidates), at_once):
            for draft in self._drafts(rows, candidates[start : start + at_once]):
                verdicts[draft.index] = draft.verdict
                if draft.verdict == KEPT:
                    prices[draft.index] = draft.price
                    prompts[draft.index], token_counts[draft.index] = draft.prompt, draft.num_tokens

        return pa.table([verdicts, prices, prompts, token_counts], schema=JUDGED_SCHEMA)

    def _texts(self, rows: pa.Table, indices: pa.Array) -> Iterator[tuple[str, str]]:
        """Yields the title and the contents of some rows; without details where those come too late to matter."""
        as_it_came = "details_json" in rows.column_names
        fields = zip(
            rows["title"].take(indices).to_pylist(),
            _joined(rows["description"].take(indices)).to_pylist(),
            _joined(rows["features"].take(indices)).to_pylist(),
            rows["details_json" if as_it_came else "details"].take(indices).to_pylist(),
            strict=True,
        )
        enough = max(self._max_chars, self.min_chars + 1)
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
            if len(contents) <= self.min_chars:
                draft.verdict = DropReason.TEXT_TOO_SHORT
            elif len(title) > _LONG_TITLE_CHARS:
                self._plainly(draft)
        self._finish(self._fill(self._open([draft for draft in drafts if not draft.verdict])))
        return drafts

    def _open(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Writes first lines; returns the drafts that have room for more."""
        titles = self._words.scrub([draft.title for draft in drafts])
        heads = self._words.heads(titles, "\n")
        for draft, num_tokens, draft.first in zip(drafts, titles.totals.tolist(), heads, strict=True):
            if max(num_tokens, draft.first.num_tokens) >= self.max_tokens:
                self._plainly(draft)
        return [draft for draft in drafts if not draft.verdict]

    def _fill(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Writes second lines; returns the drafts that have enough tokens."""
        contents = self._words.scrub([draft.contents for draft in drafts])
        left = [self.max_tokens - draft.first.num_tokens for draft in drafts]
        heads = self._words.heads(contents, "\n\n", left)
        for draft, num_tokens, draft.second in zip(drafts, contents.totals.tolist(), heads, strict=True):
            enough = draft.first.num_tokens + num_tokens > self.min_tokens
            draft.verdict = KEPT if enough else DropReason.TOO_FEW_TOKENS
        return [draft for draft in drafts if draft.verdict == KEPT]

    def _finish(self, drafts: Sequence[_Draft]) -> None:
        """Tidies the lines and puts the prompts together."""
        firsts = self._tidied([draft.first for draft in drafts], "\n")
        seconds = self._tidied([draft.second for draft in drafts], "\n\n")
        opening = self._words.count_one(_OPENING)
        for draft, first, second in zip(drafts, firsts, seconds, strict=True):
            answer = _answer(draft.price)
            draft.prompt = f"{_OPENING}{first.text}\n{second.text}\n\n{answer}"
            if first.text and second.text:
                draft.num_tokens = opening + first.num_tokens + second.num_tokens + self._words.count_one(answer)
            else:
                draft.num_tokens = self.tokenizer.count(draft.prompt)

    def _tidied(self, heads: Sequence[Head], end: str) -> list[Head]:
        """Tidies lines that have `end` behind them."""
        texts = [head.text for head in heads]
        tidied = [
            rules.tidy(text) if is_untidy else text for text, is_untidy in zip(texts, rules.untidy(texts), strict=True)
        ]
        changed = [text for text, before in zip(tidied, texts, strict=True) if text != before]
        anew = iter(self._words.heads(self._words.split(changed), end))
        return [head if text == head.text else next(anew) for text, head in zip(tidied, heads, strict=True)]

    def _plainly(self, draft: _Draft) -> None:
        """Writes a prompt as the rules are worded, for a title that fills it."""
        text = rules.scrub(draft.title, self._needed_tokens + 1) + "\n" + rules.scrub(draft.contents)
        num_tokens, text = self.tokenizer.head(text, self.max_tokens)
        if num_tokens <= self.min_tokens:
            draft.verdict = DropReason.TOO_FEW_TOKENS
            return
        draft.verdict = KEPT
        draft.prompt = f"{_OPENING}{rules.tidy(text)}\n\n{_answer(draft.price)}"
        draft.num_tokens = self.tokenizer.count(draft.prompt)


def _answer(price: float) -> str:
    return f"{PRICE_PREFIX}{whole_dollars(price)}"


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.binary_join(lists, "\n"), "")
