"""What was found out about a set, in a line each; and written and read again without a changed byte."""

from __future__ import annotations

import msgspec
import pytest

from job.output.sealed import sealed, unsealed
from job.output.training_set.findings import Findings, SplitLeaks, finding_lines
from job.output.training_set.shard import text_column
from job.recipe.protocol import RecipeDescription, Roles
from job.selection.conflicts import Conflicts
from job.selection.leaks import LeakedRow, Leaks
from job.selection.mix import Difference, Mix, SplitMix, Tenth


def leaks(rows: int, **counts: int | None) -> SplitLeaks:
    known: dict[str, int | None] = {"id": 0, "title": 0, "text": 0, "prompt": 0, "near": None, "any": 0, **counts}
    found = msgspec.convert({"rows": rows, **known}, Leaks)
    return SplitLeaks(counts=found, examples={"id": [LeakedRow(row=3, train_row=5)]})


def conflicts(groups: int) -> Conflicts:
    return Conflicts(
        groups=groups,
        rows=3 * groups,
        largest_difference=20.0,
        mean_difference=5.0,
        mean_absolute_error=2.0 * bool(groups),
        examples=[],
    )


MIX = Mix(
    categories={"Toys": 1.0},
    tenths=[Tenth(lowest=1.0, highest=2.0, share=0.1)],
    splits={
        "train": SplitMix(
            categories={"Toys": 1.0},
            tenths=[0.1],
            largest_difference=Difference(of="$1.00 to $2.00", split=0.099, sample=0.1),
        ),
        "test": SplitMix(
            categories={"Toys": 1.0}, tenths=[0.1], largest_difference=Difference(of="Toys", split=0.25, sample=0.28)
        ),
    },
)


def findings(found: dict[str, SplitLeaks], groups: int = 0) -> Findings:
    return Findings(leaks=found, near_threshold=0.8, conflicts=conflicts(groups), mix=MIX)


def test_each_finding_is_one_line() -> None:
    found = findings({"validation": leaks(20), "test": leaks(1_000, id=3, title=12, any=14)}, groups=4)
    assert list(finding_lines(found)) == [
        "leaks: no row of validation (20) is in train; 14 of 1,000 rows of test are in train (3 by id, 12 by title)",
        "label conflicts: 4 prompts have more than one price, in 12 rows; "
        "no model errs by less than $2.00 on average there",
        "mix: farthest from the sample is test, with 25.0% of Toys in place of 28.0%",
    ]


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({}, "leaks: none, as there is neither a validation nor a test split"),
        ({"validation": leaks(5), "test": leaks(6)}, "leaks: no row of validation (5) or test (6) is in train"),
        ({"test": leaks(6, near=1, any=1)}, "leaks: 1 of 6 rows of test is in train (1 nearly)"),
    ],
)
def test_leaks_are_told_in_one_line(found: dict[str, SplitLeaks], line: str) -> None:
    assert next(finding_lines(findings(found))) == line


def test_a_set_without_prices_and_one_without_conflicts_say_so() -> None:
    without = msgspec.structs.replace(findings({}), conflicts=None, mix=None)
    assert [*finding_lines(without)][1:] == ["label conflicts: none, as there are no prices"]
    assert [*finding_lines(findings({}))][1] == "label conflicts: no prompt has more than one price"


def test_what_is_read_again_is_written_as_before() -> None:
    written = sealed(findings({"test": leaks(6, id=1, any=1)}, groups=3))
    assert sealed(unsealed(written, Findings)) == written


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("body", "body"),  # it stands in the set under its own name
        ("name", "title"),  # as the set's title
        ("prompt", "prompt"),  # the set's own prompt, as in course-2024
        (None, "prompt"),
    ],
)
def test_the_text_of_a_row_is_the_recipe_s_or_the_prompt(text: str | None, column: str) -> None:
    columns = {"asin": "string", "name": "string", "body": "string", "prompt": "string", "cost": "double"}
    roles = Roles(id="asin", title="name", price="cost", text=text)
    recipe = RecipeDescription(name="made", version=1, reasons=(), columns=columns, roles=roles)
    assert text_column(recipe) == column
