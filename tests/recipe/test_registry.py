"""Recipes have names, and the course's recipe of 2024 has an older one, which configs and outputs keep."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from job.config.load import dump_config, load_config
from job.output.diff.changes import changes
from job.output.folder import OutputFolder
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.protocol import describe
from job.recipe.registry import UNDESCRIBED, current_name, question, settings_type
from tests.paths import ROOT

NAMES = ["course-2024", "price-prompt"]
OLD_OUTPUT = ROOT / "tests/whole/old_output/output"


def test_each_recipe_is_found_by_its_name_and_the_default_is_that_of_2024() -> None:
    assert settings_type("course-2024") is settings_type("price-prompt") is Course2024Settings
    assert settings_type("course-2025") is Course2025Settings
    assert load_config(None).recipe == Course2024Settings()
    with pytest.raises(ValueError, match="unknown recipe 'course-2023'; known recipes: course-2024, course-2025"):
        settings_type("course-2023")


@pytest.mark.parametrize("name", NAMES)
def test_a_config_may_have_either_name_and_is_the_same_job(name: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(f"recipe: {{name: {name}, max_price: 50}}\n")
    config = load_config(path)
    assert config == load_config(None, {"recipe.name": name, "recipe.max_price": 50})
    assert config == load_config(None, {"recipe.max_price": 50})
    assert "name: course-2024" in dump_config(config)
    path.write_text(dump_config(config))
    assert load_config(path) == config


@pytest.mark.parametrize("name", NAMES)
def test_under_either_name_a_job_has_the_identity_that_it_always_had(name: str) -> None:
    """The digests are those of an output from before the recipe had its second name."""
    plan = OutputFolder(OLD_OUTPUT).plan()
    assert plan is not None
    recipe = load_config(None, {"recipe.name": name, "recipe.max_price": 900.5}).recipe
    digests = {
        "Old_Lines": "cf88d40daf1bb1a73e729edfc07af951a57a7f89b7c49690fa2d68dff4840459",
        "Old_Shards": "3906a25472de8ae0602fc26d2aa524aaeabef97d0e6d31f269e900c41b7116d1",
    }
    for category, digest in digests.items():
        identity = plan.categories[category].identity
        versions = identity.versions | {"recipe": recipe.recipe_type().version, **recipe.recipe_type().fingerprints}
        assert structs.replace(identity, recipe=recipe.identity(), versions=versions).digest == digest


def test_what_changed_is_said_with_the_names_of_today() -> None:
    plan = OutputFolder(OLD_OUTPUT).plan()
    assert plan is not None
    before = plan.categories["Old_Lines"].identity
    now = structs.replace(before, recipe=Course2025Settings(max_price=900.5).identity())
    assert changes(before, now)[0] == "recipe.name was course-2024, is course-2025"
    assert changes(before, structs.replace(before, recipe=Course2024Settings(max_price=900.5).identity())) == []


def test_an_item_of_either_name_has_a_question_and_one_of_2025_has_none() -> None:
    item = {"prompt": "How much?\n\nPrice is $5.00"}
    for name in NAMES:
        assert question(structs.replace(UNDESCRIBED, name=name), item) == "How much?\n\nPrice is $"
    assert question(describe(Course2025Settings.recipe_type()), {"full": "a Price is $5.00"}) is None
    assert [current_name(name) for name in (*NAMES, "course-2025", "labels")] == [
        "course-2024",
        "course-2024",
        "course-2025",
        "labels",
    ]


@pytest.mark.parametrize(("file", "total"), [("appliances-2025.yaml", 35_307), ("home-store-2025.yaml", 2_933_577)])
def test_configs_of_2025_have_its_published_counts(file: str, total: int) -> None:
    config = load_config(ROOT / "configs" / file)
    assert config.recipe == Course2025Settings()
    assert tuple(config.published_items) == config.categories
    assert sum(config.published_items.values()) == total
