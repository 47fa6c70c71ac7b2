"""Outputs for tests of the report, of items that a test chooses."""

from __future__ import annotations

from pathlib import Path

from job.output.folder import OutputFolder
from job.recipe.examples import Example
from job.recipe.protocol import RecipeDescription, Roles
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
