"""The data set card of a training set, for others who get it: what it is, how it was made, what its columns mean.

It follows from the plan and the manifest alone, byte for byte, as the card of items does; so it names no path.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from msgspec import UNSET

from job.errors import printable
from job.output.card import plain
from job.output.card_parts import code, meanings, of_amazon, paragraphs, size_category, table, value_text
from job.output.training_set.findings import finding_lines
from job.output.training_set.plan import Origin, SetPlan
from job.output.training_set.shard import COMPLETION, ID, PRICE, PROMPT, TITLE, set_schema, shown_columns
from job.output.training_set.totals import SetManifest
from job.recipe.protocol import CATEGORY, RecipeDescription, type_name
from job.source.find.amazon_2023 import DATASET


def full_set_card(plan: SetPlan, manifest: SetManifest, origin: Origin) -> bytes:
    """Returns the content of README.md in the folder of a training set.

    Args:
        plan: its plan.
        manifest: its totals.
        origin: where its items come from.
    """
    recipe = manifest.recipe
    is_amazon = bool(origin.sources) and all(
        each is not None and each.dataset == DATASET for each in origin.sources.values()
    )
    sections = [
        f"---\n{_front(manifest, is_amazon=is_amazon)}---\n",
        f"# Training set: {plain(recipe.heading or recipe.name)}\n",
        *paragraphs(_about(manifest)),
        "## Load it\n",
        *paragraphs(_loading()),
        "## Columns\n",
        _columns(recipe),
        "## Items and rows\n",
        *paragraphs(_counts(manifest)),
        "## Leaks and label conflicts\n",
        *paragraphs(_found(manifest)),
        "## How it was made\n",
        *paragraphs(_making(plan, manifest, origin)),
        *(of_amazon() if is_amazon else ()),
    ]
    return "\n".join(sections).encode("utf-8")


def _front(manifest: SetManifest, *, is_amazon: bool) -> str:
    recipe = manifest.recipe
    files = [{"split": name, "path": f"data/{name}-*.parquet"} for name in manifest.splits]
    front: dict[str, object] = {"pretty_name": printable(f"Training set: {recipe.heading or recipe.name}")}
    if is_amazon:
        front["language"] = ["en"]
    front["size_categories"] = [size_category(sum(each.num_rows for each in manifest.splits.values()))]
    front["task_categories"] = ["text-generation"]
    front["tags"] = ["curate", *(["e-commerce", "price"] if recipe.roles.price is not None else [])]
    front["configs"] = [{"config_name": "default", "data_files": files}]
    return yaml.safe_dump(front, sort_keys=False)


def _about(manifest: SetManifest) -> Iterator[str]:
    sizes = ", ".join(f"{each.num_rows:,} rows of {name}" for name, each in manifest.splits.items())
    names = len(manifest.identity.items)
    of = f"{manifest.num_items:,} items in {names:,} {'category' if names == 1 else 'categories'}"
    yield f"A prompt and its completion in each row, to train a model on and to test it: {sizes}. Made of {of}."
    for warning in manifest.warnings:
        yield f"Mind: {plain(warning)}."


def _loading() -> Iterator[str]:
    yield "With `datasets`; `FOLDER` is the path of this folder, or the name of its repository on the Hub:"
    yield code(["from datasets import load_dataset", 'splits = load_dataset("FOLDER")'])


def _columns(recipe: RecipeDescription) -> str:
    own: dict[str, list[str]] = {}
    for name, meaning in meanings(recipe):
        own.setdefault(name, []).append(meaning)
    answer = " The price in whole dollars, halves to the even one." if recipe.completion is None else ""
    known = {
        CATEGORY: "The category of the listing.",
        PROMPT: "What a model is asked.",
        COMPLETION: f"What it is to answer.{answer}",
    }
    known |= {ID: "Identifies the listing in its source.", TITLE: "Title of the listing.", PRICE: "Price in dollars."}
    shown = {*shown_columns(recipe), CATEGORY, PROMPT, COMPLETION}
    rows = [
        [
            plain(field.name),
            plain(type_name(field.type)),
            known[field.name] if field.name in shown else " ".join(own.get(field.name, ["Made by the recipe."])),
        ]
        for field in set_schema(recipe)
    ]
    return table(["column", "type", "meaning"], rows) + "\n"


def _counts(manifest: SetManifest) -> Iterator[str]:
    yield "Every item is a row of one split, or was left out for one reason:"
    rows = [[plain(name.replace("_", " ")), f"{count:,}"] for name, count in manifest.funnel.items()]
    yield table(["what became of it", "items"], [*rows, ["all", f"{manifest.num_items:,}"]], numbers=True)
    stages = {
        name: stage
        for name, stage in manifest.stages.items()
        if "items" in stage and stage.get("mean_price") is not None
    }
    if stages:
        yield "After each stage:"
        rows = [
            [plain(name.replace("_", " ")), f"{int(each['items']):,}", f"${each['mean_price']:,.2f}"]
            for name, each in stages.items()
        ]
        yield table(["stage", "items", "mean price"], rows, numbers=True)


def _found(manifest: SetManifest) -> Iterator[str]:
    if manifest.findings is UNSET:
        yield "They were not looked for."
        return
    for line in finding_lines(manifest.findings):
        yield f"{plain(line[0].upper() + line[1:])}."


def _making(plan: SetPlan, manifest: SetManifest, origin: Origin) -> Iterator[str]:
    program = f"curate {plain(plan.program)}" if isinstance(plan.program, str) and plan.program else "curate"
    recipe, settings = manifest.recipe, manifest.settings
    preset = f", as the preset {plain(settings['preset'])}" if settings.get("preset") else ""
    yield (
        f"By {program}, of items of the recipe {plain(recipe.name)}, version {recipe.version}{preset}, "
        f"with seed {settings['seed']}."
    )
    repositories = {each for each in origin.sources.values() if each is not None}
    for dataset, commit in sorted((each.dataset, each.commit) for each in repositories):
        yield f"Rows of {plain(dataset)} at commit {plain(commit)}."
    yield f"The items have the content digest {origin.content_digest}. These commands make them and the set again:"
    yield code(map(printable, [*origin.commands, _command(settings)]))
    yield f"The same rows have the content digest {manifest.content_digest}."


def _command(settings: Mapping[str, Any]) -> str:
    """Returns the command that makes a set again, with every setting."""
    words = ["curate", "craft", "--items", "ITEMS"]
    if settings.get("preset"):
        words += ["--preset", settings["preset"]]
    for key, value in settings.items():
        if key == "preset":
            continue
        inner = value.items() if key in ("sample", "splits") else [("", value)]
        for name, each in inner:
            words += ["--set", f"{key}{'.' if name else ''}{name}={value_text(each)}"]
    return shlex.join([*words, "--output", "FOLDER"])
