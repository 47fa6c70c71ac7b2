"""The card of a training set: valid for the Hub, without a path, with a command that makes the same set again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import huggingface_hub
import msgspec
import pytest
import yaml

from job.cli.crafting import read_craft
from job.gather.checks import identity_of
from job.gather.items import open_items
from job.output.training_set.card import set_card, set_cards
from job.output.training_set.finished import open_finished
from job.output.training_set.plan import SetPlan
from job.output.training_set.totals import SetManifest
from job.source.files import Repository
from tests.export.made import item_2024, make_items, make_set
from tests.report.made import PRESET, made_set

AMAZON = Repository("McAuley-Lab/Amazon-Reviews-2023", "2b6d039ed471f2ba5fd2acb718bf33b0a7e5598e")


def opened(root: Path) -> tuple[SetPlan, SetManifest, str]:
    _, plan, manifest = open_finished(root)
    return plan, manifest, set_cards(plan, manifest)[0].decode()


def test_the_card_tells_what_the_set_is_and_names_no_path_and_no_licence(tmp_path: Path) -> None:
    plan, _, text = opened(made_set(tmp_path))
    front = yaml.safe_load(text.split("---\n")[1])
    assert huggingface_hub.DatasetCard(text).data.to_dict() == front
    assert front == {
        "pretty_name": "Training set: Price prompts",
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "tags": ["curate", "e-commerce", "price"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": name, "path": f"data/{name}-*.parquet"} for name in ("train", "validation", "test")
                ],
            }
        ],
    }
    assert "37 rows of train, 5 rows of validation, 10 rows of test. Made of 53 items in 2 categories." in text
    assert "\n| duplicate near | 1 |\n| not drawn | 0 |\n| unused | 0 |\n| all | 53 |\n" in text
    assert (
        "\n| completion | string | What it is to answer. The price in whole dollars, halves to the even one. |" in text
    )
    assert "Label conflicts: 1 prompt has more than one price, in 2 rows; no model errs by less than $30.25" in text
    assert '    splits = load_dataset("FOLDER")\n' in text
    assert isinstance(plan.origin, msgspec.Struct)
    assert f"The items have the content digest {plan.origin.content_digest}." in text
    assert str(tmp_path) not in text
    assert "licence" not in text


@pytest.mark.parametrize("settings", [{}, PRESET], ids=["default", "preset"])
def test_its_command_makes_the_same_set(tmp_path: Path, settings: dict[str, object]) -> None:
    plan, _, text = opened(made_set(tmp_path, **settings))
    (line,) = re.findall(r"^    (curate craft .*)$", text, re.MULTILINE)
    words = shlex.split(line)[2:]
    assign = [words[number + 1] for number, word in enumerate(words) if word == "--set"]
    preset = words[words.index("--preset") + 1] if "--preset" in words else None
    config = read_craft(None, str(tmp_path / "items"), str(tmp_path / "again"), preset, None, assign)
    assert identity_of(config, open_items(config.items)).digest == plan.digest


def test_a_set_of_the_amazon_data_set_has_its_limits_terms_and_citation(tmp_path: Path) -> None:
    plan, manifest, _ = opened(made_set(tmp_path))
    assert isinstance(plan.origin, msgspec.Struct)
    both = msgspec.structs.replace(plan.origin, sources=dict.fromkeys(plan.origin.sources, AMAZON))
    text = set_cards(msgspec.structs.replace(plan, origin=both), manifest)[0].decode()
    assert "\nlanguage:\n- en\n" in text
    assert "\n- Prices are of 2023, in US dollars." in text
    assert f"Rows of McAuley-Lab/Amazon-Reviews-2023 at commit {AMAZON.commit}.\n" in text
    one = msgspec.structs.replace(plan.origin, sources={**both.sources, "Toys": None})
    assert "licence" not in set_cards(msgspec.structs.replace(plan, origin=one), manifest)[0].decode()


def test_a_set_that_an_earlier_program_began_keeps_its_card(tmp_path: Path) -> None:
    plan, manifest, _ = opened(made_set(tmp_path))
    earlier = msgspec.structs.replace(plan, program=msgspec.UNSET, origin=msgspec.UNSET)
    assert set_cards(earlier, manifest) == [set_card(manifest)]
    assert set_card(manifest).startswith(b"---\nconfigs:\n")


def test_what_users_named_is_escaped(tmp_path: Path) -> None:
    items = make_items(tmp_path / "items", "course-2024", {"Toys": [item_2024(number, 5.0) for number in range(20)]})
    plan, manifest, _ = opened(make_set(items, tmp_path / "set", splits={"train": "rest"}))
    evil = msgspec.structs.replace(
        manifest,
        warnings=["<script>|"],
        recipe=msgspec.structs.replace(manifest.recipe, heading="<b>", name="a\n# b"),
    )
    text = set_cards(plan, evil)[0].decode()
    assert "Mind: \\<script\\>\\|." in text
    assert "\n# Training set: \\<b\\>\n" in text
    assert "\n# b" not in text
