"""The price-prompt recipe: a listing becomes a question for its price, or says why not.

The steps and their order are the course loader's, so that items equal its published ones byte for byte. A batch is
judged column by column as far as that is cheap: the price decides first, since half the rows have none, and nothing
else of such a row is touched.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe import text as rules
from job.recipe.price import judge_price, whole_dollars
from job.recipe.tokenizer import Tokenizer
from job.recipe.verdict import KEPT, DropReason
from job.recipe.words import WordTokenizer

QUESTION = "How much does this cost to the nearest dollar?"
PRICE_PREFIX = "Price is $"
_OPENING = QUESTION + "\n\n"

_LONG_TITLE_CHARS = 10_000
"""A longer title has perhaps one long word, which only the tokenizer itself counts, and better once than often."""

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
        titled = rows["title"].is_valid().to_pylist()
        for index, price_text in enumerate(rows["price"].to_pylist()):
            price = judge_price(price_text, self.min_price, self.max_price)
            if isinstance(price, DropReason):
                verdicts[index] = price
            elif not titled[index]:
                verdicts[index] = DropReason.TITLE_MISSING
            else:
                candidates.append((index, price))

        indices = pa.array([index for index, _ in candidates], pa.int64())
        for (index, price), (title, contents) in zip(candidates, self._texts(rows, indices), strict=True):
            found = self._prompt(title, contents, price)
            if isinstance(found, DropReason):
                verdicts[index] = found
            else:
                prices[index] = price
                prompts[index], token_counts[index] = found

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

    def _prompt(self, title: str, contents: str, price: float) -> tuple[str, int] | DropReason:
        """Returns a listing's prompt and the number of its tokens."""
        if len(contents) <= self.min_chars:
            return DropReason.TEXT_TOO_SHORT
        if len(title) > _LONG_TITLE_CHARS:
            return self._plain_prompt(title, contents, price)
        known = self._words
        scrubbed = known.scrub(title, self._needed_tokens)
        first_line, first_tokens = known.head(scrubbed, self.max_tokens, "\n")
        if max(scrubbed.ends[-1], first_tokens) >= self.max_tokens:
            return self._plain_prompt(title, contents, price)
        scrubbed = known.scrub(contents[: self._max_chars], self._needed_tokens - first_tokens)
        if first_tokens + scrubbed.ends[-1] <= self.min_tokens:
            return DropReason.TOO_FEW_TOKENS
        second_line, second_tokens = known.head(scrubbed, self.max_tokens - first_tokens, "\n\n")

        text = f"{first_line}\n{second_line}"
        tidied = rules.tidy(text)
        answer = _answer(price)
        prompt = f"{_OPENING}{tidied}\n\n{answer}"
        if tidied != text or not first_line or not second_line:
            return prompt, known.count(prompt)
        return prompt, known.count(_OPENING) + first_tokens + second_tokens + known.count(answer)

    def _plain_prompt(self, title: str, contents: str, price: float) -> tuple[str, int] | DropReason:
        """Returns the same, one step after the other, for a title that fills the prompt."""
        text = rules.scrub(title, self._needed_tokens + 1) + "\n" + rules.scrub(contents[: self._max_chars])
        num_tokens, text = self.tokenizer.head(text, self.max_tokens)
        if num_tokens <= self.min_tokens:
            return DropReason.TOO_FEW_TOKENS
        prompt = f"{_OPENING}{rules.tidy(text)}\n\n{_answer(price)}"
        return prompt, self.tokenizer.count(prompt)


def _answer(price: float) -> str:
    return f"{PRICE_PREFIX}{whole_dollars(price)}"


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.binary_join(lists, "\n"), "")
