"""Outputs for tests of the report, of items that a test chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job.output.folder import OutputFolder
from job.recipe.examples import Example
from job.recipe.protocol import RecipeDescription, Roles
from tests.export.made import item_2024, make_items, make_set
from tests.output.made import MadeOutput

HOSTILE = (
    "</style></details><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)> \x1b[31m\u202e\u200f"
)
"""A title that tries to run code, to fetch something, to end what it stands in, and to turn the text."""
WIDE = "W" * 160
"""A title without a place to break it."""

DESCRIPTION = RecipeDescription(
    name="made",
    version=1,
    reasons=("too_dear", "unnamed"),
    columns={"key": "string", "name": "string", "cost": "double", "words": "int32"},
    roles=Roles(id="key", title="name", text="name", price="cost", length="words"),
    heading="Made <items>",
    summary="Items that a test made & chose.",
    length_unit="words",
)
"""A recipe with every role."""


def item(cost: float | None, words: int | None, name: str = "kettle") -> dict[str, object]:
    return {"key": "k", "name": name, "cost": cost, "words": words}


def made_output(root: Path, description: RecipeDescription = DESCRIPTION) -> OutputFolder:
    """Writes an output with two categories and everything that a report can show."""
    output = MadeOutput(root, description=description)
    examples = {
        "too_dear": [Example(id="B1", title=HOSTILE, decided="cost: 12000.5, at most 10 needed")],
        "unnamed": [Example(id=WIDE, title=WIDE, decided=WIDE), Example(), Example(id="B3")],
    }
    output.add(
        "Toys",
        [[item(1.5, 10), item(2.25, 30)], [item(999.99, 20), item(5000.0, None), item(None, 7)]],
        {"too_dear": 40, "unnamed": 1},
        examples=examples,
        rejects=["row 17: price is a list", "row 4: price is a list", HOSTILE],
    )
    output.add("Very_Long_Category_Name_That_Goes_On_And_On", [[item(0.29, 12)]], {"unnamed": 2})
    output.close()
    return output.folder


NEAR_TEXT = " ".join(f"word{number}" for number in range(60))
"""A text with enough words that one of them more or less is nearly the same."""


def made_set(root: Path, **settings: Any) -> Path:
    """Writes a training set with two categories, 53 items and everything that a report can show, without Ray.

    Four items have the same title, two are near duplicates, and of the same prompt there are two prices.

    Args:
        root: where the items and the set are written.
        settings: of the set's config, in place of those that remove duplicates by id, and near ones.
    """
    toys = [item_2024(number, 10.0 + number) for number in range(40)]
    toys += [item_2024(number, 500.0, title=HOSTILE, text=f"other {number}") for number in range(40, 44)]
    dolls = [item_2024(44, 100.25, text=f"{NEAR_TEXT} red {WIDE}", title=f"Doll {WIDE}")]
    dolls += [item_2024(45, 101.25, text=f"{NEAR_TEXT} blue {WIDE} {HOSTILE}", title="Doll the second")]
    dolls += [item_2024(number, price, title="Twin", text="of one text") for number, price in ((46, 20.0), (47, 80.5))]
    dolls += [item_2024(number, 5000.0) for number in range(48, 53)]
    items = make_items(root / "items", "course-2024", {"Toys": toys, "Very_Long_Category_Name_Of_Dolls": dolls})
    usual: dict[str, Any] = {"deduplicate": ["id", "near"], "splits": {"train": "rest", "validation": 5, "test": 10}}
    return make_set(items, root / "set", near=[(44, 45, 0.8125)], with_findings=True, **(settings or usual))


PRESET = {"preset": "course-2024", "splits": {"train": 30, "validation": 5, "test": 10}}
"""Settings of a set whose rows leak: equal titles are not kept together."""
