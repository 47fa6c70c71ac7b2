"""What is checked before a training set is made, without any item being read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import structs

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


@pytest.mark.parametrize("changed", [{"prompt": "What is {text} worth?"}, {"roles": Roles(text="title")}])
def test_another_template_or_role_makes_another_set(tmp_path: Path, changed: dict[str, object]) -> None:
    described = RecipeDescription(
        name="mine",
        version=1,
        reasons=("none",),
        columns={"title": "string", "text": "string"},
        roles=Roles(text="text", title="title"),
        prompt="{text}",
        completion="{title}",
    )
    config = load_craft_config(None, {"items": "x"})
    identities: list[checks.SetIdentity] = []
    for number, each in enumerate((described, structs.replace(described, **changed))):
        root = tmp_path / str(number)
        MadeOutput(root, description=each).add("A", [[{"title": "a", "text": "b"}]]).close()
        identities.append(checks.identity_of(config, open_items(str(root))))
    before, now = identities
    assert before.items == now.items
    assert before.digest != now.digest
    assert checks.set_changes(before, now)


@pytest.mark.parametrize(
    ("columns", "roles", "said"),
    [
        (
            {"cost": "string"},
            Roles(price="cost"),
            "the price of the recipe mine is its column 'cost', of the",
        ),
        ({"names": "list<string>"}, Roles(title="names"), "a training set needs text there"),
    ],
)
def test_a_column_of_a_type_that_cannot_play_its_role_is_refused(
    tmp_path: Path, columns: dict[str, str], roles: Roles, said: str
) -> None:
    described = RecipeDescription(
        name="mine", version=1, reasons=("none",), columns=columns, roles=roles, prompt="x", completion="y"
    )
    (name,) = columns
    value = ["a"] if columns[name].startswith("list") else "a"
    MadeOutput(tmp_path / "items", description=described).add("A", [[{name: value}]]).close()
    with pytest.raises(UsageError, match=re.escape(said)):
        checks.check_fits(load_craft_config(None, {"items": "x"}), open_items(str(tmp_path / "items")))


def test_a_low_threshold_needs_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "allowed_memory", lambda: Allowed(8e9, "the machine"))
    checks.check_memory(load_craft_config(None, {"items": "x"}), 20_000_000)
    with pytest.raises(UsageError, match="enough for"):
        checks.check_memory(load_craft_config(None, {"items": "x", "near_threshold": 0.1}), 20_000_000)
