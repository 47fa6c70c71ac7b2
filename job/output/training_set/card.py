"""The data set card of a training set. `load_dataset(SET)` reads from it which files hold which split.

`set_card` is the form of sets that earlier programs began; see `full_card.py` for the one of today.
"""

from __future__ import annotations

import yaml
from msgspec import UNSET

from job.output.card import plain
from job.output.training_set.findings import finding_lines
from job.output.training_set.full_card import full_set_card
from job.output.training_set.plan import SetPlan
from job.output.training_set.totals import SetManifest


def set_cards(plan: SetPlan, manifest: SetManifest) -> list[bytes]:
    """Returns the cards that a set may have: first the one that a run writes, then that of earlier programs."""
    older = [set_card(manifest)]
    return older if plan.origin is UNSET else [full_set_card(plan, manifest, plan.origin), *older]


def set_card(manifest: SetManifest) -> bytes:
    """Returns the content of README.md in the folder of a training set."""
    files = [{"split": name, "path": f"data/{name}-*.parquet"} for name in manifest.splits]
    front = yaml.safe_dump(
        {"configs": [{"config_name": "default", "data_files": files}], "task_categories": ["text-generation"]},
        sort_keys=False,
    )
    recipe = manifest.recipe
    splits = "\n".join(f"| {name} | {totals.num_rows:,} |" for name, totals in manifest.splits.items())
    funnel = "\n".join(f"| {plain(name.replace('_', ' '))} | {count:,} |" for name, count in manifest.funnel.items())
    warnings = "".join(f"\nMind: {plain(warning)}.\n" for warning in manifest.warnings)
    found = manifest.findings
    lines = () if found is UNSET else finding_lines(found)
    findings = "".join(f"\n{plain(line[0].upper() + line[1:])}.\n" for line in lines)
    text = (
        f"---\n{front}---\n\n# Training set: {plain(recipe.heading or recipe.name)}\n\n"
        f"Made of {manifest.num_items:,} items by curate.\n{warnings}\n"
        f"| split | rows |\n|---|---|\n{splits}\n\n| of the items | |\n|---|---|\n{funnel}\n{findings}"
    )
    return text.encode("utf-8")
