"""A category may be named in any script, and is the same however its accents are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.config.load import load_config
from job.config.names import check_category
from job.errors import UsageError
from job.source.find.folder import find_categories
from tests.source.find.test_folder import names, put, refused

SCRIPTS = [
    "ของเล่น",
    "खिलौने",
    "பொம்மைகள்",
    "খেলনা",
    "اسباب\u200cبازی",
    "ක්\u200dරීඩා",
    "צעצועים",
    "おもちゃ",
    "장난감",
    "Đồ_chơi",
    "Cafe\u0301",
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_letters_with_their_marks_are_letters(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}.jsonl")
    (category,) = names(find_categories(tmp_path, []))
    assert check_category(name) == category
    assert load_config(None, {"categories": [name]}).categories == (category,)


def test_accents_apart_and_together_are_one_name(tmp_path: Path) -> None:
    apart, together = "Cafe\u0301", "Caf\u00e9"
    put(tmp_path, f"{apart}.jsonl")
    for wanted in (apart, together):
        config = load_config(None, {"categories": [wanted]})
        assert names(find_categories(tmp_path, config.categories)) == {together: ("jsonl", [f"{apart}.jsonl"])}
    with pytest.raises(UsageError, match="named more than once: Café"):
        load_config(None, {"categories": [apart, together]})
    put(tmp_path, f"{together}.jsonl")
    assert refused(tmp_path).startswith(f"{together}: more than one file")


@pytest.mark.parametrize(
    "name", ["\u0301a", "a\u200b", "a\u200cb", "a\u200db", "a\ufe0f", "a\u034fb", "क\u200d", "a \u0301b", "a\u20dd"]
)
def test_a_mark_without_its_letter_or_that_shows_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no category's name"):
        check_category(name)
