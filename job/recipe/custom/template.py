"""The file that `curate recipes new` writes: a whole recipe, with comments, that runs on the sample."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from job.errors import UsageError, plain_reason, quoted

_TEMPLATE = '''"""A recipe: what becomes of each row of a catalogue.

To see what it does:  curate try --source out/catalogue --set recipe.name=@FILE@:@CLASS@
To run it:            curate run --source out/catalogue --output out/mine --set recipe.name=@FILE@:@CLASS@
"""

from enum import StrEnum
from typing import Any, NamedTuple

from job import RecipeSettings, Roles, RowRecipe


class Example(NamedTuple):
    """An item: its fields are the columns of the shards. Types: str, int, float, bool, lists of them; also `| None`."""

    asin: str | None
    question: str
    answer: str


class NoExample(StrEnum):
    """Why a row becomes no item. The counts of each reason make the funnel."""

    NO_ANSWER = "no_answer"
    TOO_SHORT = "too_short"


class @CLASS@(RowRecipe):
    """Asks who made a product, and answers."""

    version = 1  # raise it when the same code is to count as another recipe
    roles = Roles(id="asin", text="question")  # what columns mean, for `curate show` and others

    class Settings(RecipeSettings):
        """Set them with --set recipe.min_chars=80, or in a config."""

        min_chars: int = 60
        """The question must have at least this many characters."""

    # Each parameter is a field of the source, by its name. `| None` where it may be missing or null; `dict` takes an
    # object, `Any` whatever is there.
    def judge_row(
        self, parent_asin: str | None, title: str | None, features: list[str] | None, details: dict[str, Any] | None
    ) -> Example | NoExample:
        answer = (details or {}).get("Manufacturer")
        if not isinstance(answer, str):
            return NoExample.NO_ANSWER
        question = "\\n".join([title or "", *(features or []), "Who made this?"])
        self.note(f"{len(question)} characters, at least {self.settings.min_chars} needed")  # for `curate try`
        if len(question) < self.settings.min_chars:
            return NoExample.TOO_SHORT
        return Example(parent_asin, question, answer)
'''


def write_template(path: Path) -> str:
    """Writes a recipe to start from.

    Args:
        path: the file, which must not exist; its name gives the class its name.

    Returns:
        What the recipe is called in a config.

    Raises:
        UsageError: when the file exists, or cannot be written.
    """
    if path.suffix != ".py":
        raise UsageError(f"{path}: a recipe is a Python file: curate recipes new {quoted(path.with_suffix('.py'))}")
    words = [word for word in re.split(r"[^0-9A-Za-z]+", path.stem) if word]
    class_name = "".join(word[:1].upper() + word[1:] for word in words)
    if not class_name.isidentifier():
        class_name = f"Recipe{class_name}"
    if keyword.iskeyword(class_name) or re.search(rf"\b{class_name}\b", _TEMPLATE):
        class_name += "Recipe"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(_TEMPLATE.replace("@FILE@", quoted(path)).replace("@CLASS@", class_name))
    except FileExistsError:
        raise UsageError(f"{path} is there already, and was left as it is\nname another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {plain_reason(error)}") from None
    return f"{path}:{class_name}"
