"""What has changed between two jobs, in words."""

from __future__ import annotations

from typing import Any

import pytest

from job.output.diff.changes import changes
from job.source.files import FileIdentity, Repository
from tests.output.made import identity


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"limit": None}, {"limit": 5}, "limit was not set, is 5"),
        ({"limit": 5}, {"limit": None}, "limit was 5, is not set"),
        ({"fields": {}}, {"fields": {"title": "name"}}, "fields.title was not set, is name"),
        ({"recipe": {"max_cost": 1.5}}, {"recipe": {"max_cost": None}}, "recipe.max_cost was 1.5, is not set"),
        ({"recipe": {"strict": True}}, {"recipe": {"strict": False}}, "recipe.strict was true, is false"),
        ({"keep_columns": []}, {"keep_columns": ["store"]}, 'keep_columns was [], is ["store"]'),
        (
            {"repository": None},
            {"repository": Repository("o/n", "a" * 40)},
            f"repository was not set, is o/n at {'a' * 40}",
        ),
        (
            {"files": [FileIdentity("x", 1000, "1")]},
            {"files": [FileIdentity("x", 1000, "2")]},
            "x has 1,000 bytes as before, but others",
        ),
        ({"files": [FileIdentity("x", 1000, "1")]}, {"files": [FileIdentity("x", 2, "1")]}, "x was 1,000 bytes, is 2"),
    ],
)
def test_a_change_is_told_in_words(before: dict[str, Any], now: dict[str, Any], words: str) -> None:
    assert changes(identity("Toys", **before), identity("Toys", **now)) == [words]
    assert changes(identity("Toys", **now), identity("Toys", **now)) == []


def test_files_that_are_new_or_gone_are_named() -> None:
    before, now = (
        [FileIdentity("x", 1, "1"), FileIdentity("y", 1, "1")],
        [FileIdentity("y", 1, "1"), FileIdentity("z", 1, "1")],
    )
    assert changes(identity("Toys", files=before), identity("Toys", files=now)) == ["z is new", "x is gone"]
