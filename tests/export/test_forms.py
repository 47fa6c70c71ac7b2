"""The forms: what stands in each row, in the words of the trainers' and the courses' rules."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from job.errors import UsageError
from job.export.courses import rows_2024, rows_2025
from job.export.items import whole_items
from job.export.openai import chats_2024, chats_2025
from job.export.plain import dataset_info, prompt_and_completion, segments
from job.export.registry import FORMS, form_for, forms_of
from job.output.folder import open_any

CUT = "How much does this cost to the nearest dollar?\n\nKettle\nNow to the nearest dollar\n\nPrice is $"
PROMPT = f"{CUT}9 off!\n\nPrice is $"
ROWS = pa.table(
    {
        "id": ["B1"],
        "category": ["Appliances"],
        "title": ["Kettle"],
        "price": [24.498],
        "prompt": [PROMPT],
        "completion": ["24.00"],
        "full": ["Kettle\n{}"],
        "weight": [0.5],
    }
)


def test_trl_has_prompt_and_completion_as_they_are() -> None:
    assert prompt_and_completion("train", ROWS).to_pylist() == [{"prompt": PROMPT, "completion": "24.00"}]


def test_axolotl_learns_the_completion_alone() -> None:
    assert segments("train", ROWS) == [
        {"segments": [{"label": False, "text": PROMPT}, {"label": True, "text": "24.00"}]}
    ]


def test_llama_factory_is_told_which_column_is_which() -> None:
    assert dataset_info(["train", "test"]) == {
        "dataset_info.json": b"""{
  "train": {
    "file_name": "train.parquet",
    "columns": {
      "prompt": "prompt",
      "response": "completion"
    }
  },
  "test": {
    "file_name": "test.parquet",
    "columns": {
      "prompt": "prompt",
      "response": "completion"
    }
  }
}
"""
    }


def test_a_chat_of_2024_has_the_prompt_without_its_phrases_wherever_they_stand() -> None:
    assert chats_2024("train", ROWS) == [
        {
            "messages": [
                {
                    "role": "system",
                    "content": "You estimate prices of items. Reply only with the price, no explanation",
                },
                {"role": "user", "content": "How much does this cost?\n\nKettle\nNow9 off!"},
                {"role": "assistant", "content": "Price is $24.50"},
            ]
        }
    ]


def test_a_chat_of_2025_has_no_system_message() -> None:
    user = "Estimate the price of this product. Respond with the price, no explanation\n\nKettle\n{}"
    assert chats_2025("train", ROWS) == [
        {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": "$24.50"}]}
    ]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_2024_course_trains_on_prompts_with_their_answers(split: str) -> None:
    assert rows_2024(split, ROWS).to_pylist() == [{"text": PROMPT + "24.00", "price": 24.498}]


def test_the_2024_course_cuts_a_test_prompt_at_its_first_price() -> None:
    assert rows_2024("test", ROWS).to_pylist() == [{"text": CUT, "price": 24.498}]


def test_the_2025_course_has_its_columns_in_their_order_and_three_to_fill_in_later() -> None:
    made = rows_2025("train", ROWS)
    assert list(made.to_pylist()[0].items()) == [
        ("title", "Kettle"),
        ("category", "Appliances"),
        ("price", 24.498),
        ("full", "Kettle\n{}"),
        ("weight", 0.5),
        ("summary", None),
        ("prompt", None),
        ("id", None),
    ]
    assert [str(made.schema.field(name).type) for name in ("summary", "prompt", "id")] == ["string", "string", "int64"]


def test_items_keep_all_of_their_columns() -> None:
    assert whole_items("Appliances", ROWS.select(["category", "price"])) == [
        {"category": "Appliances", "price": 24.498}
    ]


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        ("course-2024", ["trl", "axolotl", "llama-factory", "openai-2024", "course-2024"]),
        ("course-2025", ["trl", "axolotl", "llama-factory", "openai-2025", "course-2025"]),
        ("own", ["trl", "axolotl", "llama-factory"]),
    ],
)
def test_a_set_has_the_forms_of_its_recipe(recipe: str, names: list[str], sets: dict[str, Path]) -> None:
    folder, plan = open_any(sets[recipe])
    assert list(forms_of(plan)) == names  # pyright: ignore[reportArgumentType]
    for name in {*FORMS} - {*names}:
        with pytest.raises(UsageError, match=f"the form {name} is for sets of the recipe .*\n.*--to trl, --to axolotl"):
            form_for(name, folder, plan)
