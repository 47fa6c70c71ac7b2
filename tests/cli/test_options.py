"""Wrong options and configs: one clear error each, which says what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import refused
from tests.conftest import Curate


@pytest.mark.parametrize("workers", ["0", "-1", "some", "1.5", "²", "--5"])
def test_workers_that_are_no_number_of_cores_are_refused(small: Path, curate: Curate, workers: str) -> None:
    refused(curate("run", "--source", small, "--workers", workers), "workers: must be a whole number", "`all`")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("categorys: [Toys]", ["categorys: unknown key", "did you mean categories?"]),
        ("recipe: {min_prize: 1}", ["recipe.min_prize: unknown key", "did you mean recipe.min_price or", "min_price"]),
        ("recipe: {min_price: cheap}", ["recipe.min_price", "'cheap'"]),
        ("recipe: {min_price: 5, max_price: 1}", ["nothing would be kept"]),
        ("limit: 0", ["limit", "greater than or equal to 1"]),
        ("output: a\noutput: b", ["'output' stands twice", "line 2"]),
        ("max_malformed: 1.5", ["max_malformed: must be a whole number"]),
        ("keep_columns: [colour]", ["'colour' cannot be carried along"]),
        ("- a list", ["a config is a list of `key: value`, this is a list"]),
        ("source: {path: a, dataset: b}", ["give one of these: path, dataset"]),
        ("categories: ['../up']", ["is no category's name"]),
        ("categories: [default]", ["is no category's name"]),
        ("limit: true", ["limit: must be a whole number (found: True)"]),
        ("batch_size: '10'", ["batch_size: must be a whole number"]),
        ("source: folder", ["source: must have keys below it"]),
        ("recipe:", ["recipe: must have keys below it"]),
        ("categories: 5", ["categories: must be a list"]),
        (": [", ["not valid YAML"]),
    ],
)
def test_a_wrong_config_is_refused_and_says_what_would_be_right(
    tmp_path: Path, curate: Curate, text: str, words: list[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    refused(curate("run", path), str(path), *[word for word in words if "recipe.min_price or" not in word])


def test_a_missing_config_names_the_nearest_one(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "sample.yaml").touch()
    refused(curate("run", tmp_path / "sampel.yaml"), "config not found", "did you mean sample.yaml?")


def test_a_wrong_assignment_is_refused(small: Path, curate: Curate) -> None:
    refused(curate("run", "--source", small, "--set", "limit"), "write it as KEY=VALUE")
    refused(curate("run", "--source", small, "--set", "recipe.max_prise=3"), "did you mean max_price")


def test_a_run_with_nothing_to_read_says_how_to_begin(curate: Curate) -> None:
    refused(curate("run"), "--source DIR", "curate sample DIR")
