"""What is checked before a training set is made, without any item being read."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.cluster.allowed import Allowed
from job.config.load import load_craft_config
from job.errors import UsageError
from job.gather import checks
from job.gather.items import open_items
from job.recipe.protocol import RecipeDescription, Roles
from tests.output.made import MadeOutput


@pytest.mark.parametrize(("preset", "fits"), [("course-2024", 58_333_333), (None, 23_333_333)])
def test_more_items_than_memory_has_room_for_are_refused(
    monkeypatch: pytest.MonkeyPatch, preset: str | None, fits: int
) -> None:
    monkeypatch.setattr(checks, "allowed_memory", lambda: Allowed(8e9, "the machine"))
    config = load_craft_config(None, {"items": "x", "preset": preset})
    checks.check_memory(config, fits)
    with pytest.raises(UsageError, match=rf"8\.0 GB \(the machine\), enough for {fits:,}"):
        checks.check_memory(config, fits + 1)


def test_a_column_that_a_set_has_itself_needs_the_role_of_that_name(tmp_path: Path) -> None:
    described = RecipeDescription(
        name="mine",
        version=1,
        reasons=("none",),
        columns={"title": "string", "text": "string"},
        roles=Roles(text="text"),
        prompt="{text}",
        completion="{title}",
    )
    MadeOutput(tmp_path / "items", description=described).add("A", [[{"title": "a", "text": "b"}]]).close()
    items = open_items(str(tmp_path / "items"))
    with pytest.raises(UsageError, match=r"a column 'title' of its own.*\n.*roles = Roles\(title='title'\)"):
        checks.check_fits(load_craft_config(None, {"items": "x"}), items)
