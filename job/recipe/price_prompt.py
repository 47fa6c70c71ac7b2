"""The price-prompt recipe: a listing becomes a question for its price, or says why not.

The steps and their order are the course loader's, so that items equal its published ones byte for byte. A batch is
judged column by column as far as that is cheap: the price decides first, since half the rows have none, and nothing
else of such a row is touched.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe import text as rules
from job.recipe.price import judge_price, whole_dollars
from job.recipe.tokenizer import Tokenizer
from job.recipe.verdict import KEPT, DropReason

QUESTION = "How much does this cost to the nearest dollar?"
PRICE_PREFIX = "Price is $"

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


@dataclass(frozen=True, kw_only=True, slots=True)
class PricePrompt:
    """The recipe with its settings. See `RecipeConfig` for what each means."""

    min_price: float
    max_price: float
    min_chars: int
    min_tokens: int
    max_tokens: int
    tokenizer: Tokenizer

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
        texts = self._texts(rows.take(indices))
        for (index, price), title, contents in zip(candidates, *texts, strict=True):
            prompt = self._prompt(title, contents, price)
            if isinstance(prompt, DropReason):
                verdicts[index] = prompt
            else:
                prices[index] = price
                prompts[index] = prompt
                token_counts[index] = self.tokenizer.count(prompt)

        return pa.table([verdicts, prices, prompts, token_counts], schema=JUDGED_SCHEMA)

    def _texts(self, rows: pa.Table) -> tuple[list[str], list[str]]:
        """Returns the titles and the contents of rows that have a price."""
        if "details_json" in rows.column_names:
            details = [
                None if value is None else rules.details_text(value) for value in rows["details_json"].to_pylist()
            ]
        else:
            details = rows["details"].to_pylist()
        fields = zip(
            _joined(rows["description"]).to_pylist(),
            _joined(rows["features"]).to_pylist(),
            details,
            strict=True,
        )
        return rows["title"].to_pylist(), [rules.contents(*field) for field in fields]

    def _prompt(self, title: str, contents: str, price: float) -> str | DropReason:
        if len(contents) <= self.min_chars:
            return DropReason.TEXT_TOO_SHORT
        text = rules.scrub(title) + "\n" + rules.scrub(contents[: _CHARS_PER_TOKEN * self.max_tokens])
        num_tokens, text = self.tokenizer.head(text, self.max_tokens)
        if num_tokens <= self.min_tokens:
            return DropReason.TOO_FEW_TOKENS
        return f"{QUESTION}\n\n{rules.tidy(text)}\n\n{PRICE_PREFIX}{whole_dollars(price)}"


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.binary_join(lists, "\n"), "")
