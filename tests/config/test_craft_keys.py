"""The config of a training set: printed, read again, and keys that would be ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from job.config.craft import SECTIONS, CraftConfig
from job.config.load import load_craft_config
from job.errors import UsageError
from job.selection.presets.published import is_as_published
from tests.conftest import Curate
from tests.paths import ROOT


def test_every_key_is_printed_with_its_default_and_its_meaning(curate: Curate, tmp_path: Path) -> None:
    printed = curate("config", "--craft").out
    values = yaml.safe_load(printed)
    assert list(values) == list(CraftConfig.model_fields)
    assert list(values["sample"]) == list(SECTIONS["sample",].model_fields)
    assert (values["items"], values["seed"], values["deduplicate"]) == (
        "out/first",
        42,
        ["id", "title", "text", "near"],
    )
    assert values["splits"] == {"train": "rest", "validation": 0.01, "test": 0.01}
    assert all("  # " in line for line in printed.splitlines())
    (tmp_path / "mine.yaml").write_text(printed)
    assert curate("config", tmp_path / "mine.yaml").out == printed
    assert load_craft_config(tmp_path / "mine.yaml").items == "out/first"


@pytest.mark.parametrize(
    ("name", "items", "settings", "train"),
    [
        ("pricer", "out/home-store", {"preset": None}, "rest"),
        ("pricer-2024", "out/home-store", {"preset": "course-2024", "lite": False}, 400_000),
        ("pricer-2024-lite", "out/home-store", {"preset": "course-2024", "lite": True}, 25_000),
        ("pricer-2025", "out/home-store-2025", {"preset": "course-2025", "lite": False}, 800_000),
        ("pricer-2025-lite", "out/home-store-2025", {"preset": "course-2025", "lite": True}, 20_000),
    ],
)
def test_the_configs_of_training_sets_are_resolved(
    curate: Curate, tmp_path: Path, name: str, items: str, settings: dict[str, Any], train: object
) -> None:
    printed = curate("config", ROOT / f"configs/{name}.yaml")
    assert printed.exit_code == 0
    values = yaml.safe_load(printed.out)
    assert values | settings | {"items": items, "output": f"out/{name}"} == values
    assert values["splits"]["train"] == train
    config = load_craft_config(ROOT / f"configs/{name}.yaml")
    assert is_as_published(config) == (name != "pricer")
    source = yaml.safe_load((ROOT / f"configs/{Path(items).name}.yaml").read_text())
    assert source["output"] == items
    (tmp_path / "again.yaml").write_text(printed.out)
    assert load_craft_config(tmp_path / "again.yaml") == config


def test_a_file_of_a_run_is_no_config_of_a_set(curate: Curate) -> None:
    assert curate("config", ROOT / "configs/sample.yaml").out.startswith("source:")
    wrong = curate("config", ROOT / "configs/sample.yaml", "--craft")
    assert wrong.exit_code == 2
    assert "source: unknown key" in wrong.err
    assert wrong.err.endswith(f"if it is a config of curate run: curate run {ROOT / 'configs/sample.yaml'}\n")


def test_a_file_of_a_set_is_no_config_of_a_run(curate: Curate) -> None:
    wrong = curate("run", ROOT / "configs/pricer.yaml")
    assert wrong.exit_code == 2
    assert "items: unknown key" in wrong.err
    assert wrong.err.endswith(f"if it is a config of curate craft: curate craft {ROOT / 'configs/pricer.yaml'}\n")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sample": {"whole_from": 240}}, "sample.whole_from: slot_cap applies below this dollar, and there is none"),
        (
            {"preset": "course-2024", "lite": True, "sample": {"slot_cap": 60}},
            "sample.slot_cap: the small form of course-2024 takes all items of Appliances, and draws none",
        ),
        (
            {"preset": "course-2024", "lite": True, "sample": {"other_weight": 1.0}},
            "sample.other_weight: the small form of course-2024 takes all",
        ),
    ],
)
def test_a_key_that_would_be_ignored_is_an_error(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_craft_config(None, {"items": "out/items", **settings})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"sample": {"whole_from": 240, "slot_cap": 10}},
        {"preset": "course-2024", "sample": {"slot_cap": None}},
        {"preset": "course-2024", "lite": True, "sample": {"slot_cap": 1200, "whole_from": 240}},
        {"preset": "course-2025", "lite": True, "sample": {"size": 100}},
    ],
)
def test_keys_with_a_place_are_taken(settings: dict[str, Any]) -> None:
    load_craft_config(None, {"items": "out/items", **settings})


def test_numbers_that_yaml_takes_for_text_are_sizes_of_splits() -> None:
    splits = load_craft_config(None, {"items": "x", "splits.test": "1e-2", "splits.validation": "1e3"}).splits
    assert (splits.train, splits.validation, splits.test) == ("rest", 1000, 0.01)


@pytest.mark.parametrize("share", ["5e-1", 0.5])
def test_a_preset_divides_by_rows_alone(share: object) -> None:
    with pytest.raises(UsageError, match=r"splits\.validation: course-2025 divides by rows"):
        load_craft_config(None, {"items": "x", "preset": "course-2025", "splits.validation": share})
