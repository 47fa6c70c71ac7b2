"""The data set card of an output. `load_dataset(OUT)` reads from it which files hold the items.

This is the form that outputs have which earlier programs began; see `full_card.py` for the one of today.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from job.errors import printable
from job.output.totals import Manifest
from job.recipe.protocol import RecipeDescription

_MARKUP = re.compile(r"[\\`*\[\]<>|~&#]")


def plain(text: str) -> str:
    """Escapes text so that Markdown and HTML show it as it is, within one table cell."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def configs_of(manifest: Manifest, *, empty_configs: bool = False) -> list[dict[str, Any]]:
    """Returns the configs of a card: which files hold the items of what; see `card`."""
    configs: list[dict[str, Any]] = [{"config_name": "default", "data_files": "data/*/*.parquet", "default": True}]
    return configs + [
        {"config_name": name, "data_files": f"data/{name}/*.parquet"}
        for name, totals in manifest.categories.items()
        if totals.num_items or empty_configs
    ]


def card(manifest: Manifest, recipe: RecipeDescription, *, empty_configs: bool = False) -> bytes:
    """Returns the content of README.md in an output folder.

    Args:
        manifest: the totals of the output.
        recipe: the recipe that made the items.
        empty_configs: name a config for categories without items too, as cards once did. `load_dataset` cannot open
            such a config. The one for all categories is always there: without any, `load_dataset` would take the
            rejects for items.
    """
    configs = configs_of(manifest, empty_configs=empty_configs)
    front = yaml.safe_dump({"configs": configs, "task_categories": ["text-generation"]}, sort_keys=False)
    rows = "\n".join(
        f"| {plain(name)} | {totals.num_rows:,} | {totals.num_items:,} |"
        for name, totals in manifest.categories.items()
    )
    about = f"{plain(recipe.summary)} " if recipe.summary else ""
    commits = {totals.repository for totals in manifest.categories.values() if totals.repository}
    sources = "".join(
        f"\nRows of {plain(each.dataset)} at commit {plain(each.commit)}.\n"
        for each in sorted(commits, key=lambda each: (each.dataset, each.commit))
    )
    damaged = "".join(f"\nLeft out: {plain(damage.cause)}\n" for damage in manifest.damaged)
    text = (
        f"---\n{front}---\n\n# {plain(recipe.heading or recipe.name)}\n\n{about}Made by curate.\n\n"
        f"| category | rows read | items |\n|---|---|---|\n{rows}\n{sources}{damaged}"
    )
    return text.encode("utf-8")
