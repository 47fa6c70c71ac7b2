"""Chats for fine-tuning at OpenAI, in the words of each course.

OpenAI's rules: a JSON object in a line; `messages` are objects of `role` and `content`, no content is empty, and at
least one message is the assistant's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from job.errors import printable
from job.export.form import Form, Rows
from job.output.training_set.shard import PRICE, PROMPT
from job.recipe.course_2024.prompt import PRICE_PREFIX

_SYSTEM_2024 = "You estimate prices of items. Reply only with the price, no explanation"
_USER_2025 = "Estimate the price of this product. Respond with the price, no explanation\n\n"
_FULL = "full"


def chats_2024(_: str, rows: pa.Table) -> Rows:
    """Returns rows of `openai-2024`. What is cut out of a prompt is cut out wherever it stands, as the course does."""
    found: list[dict[str, list[dict[str, str]]]] = []
    for prompt, price in zip(rows[PROMPT].to_pylist(), rows[PRICE].to_pylist(), strict=True):
        user = prompt.replace(" to the nearest dollar", "").replace(f"\n\n{PRICE_PREFIX}", "")
        found.append(
            {
                "messages": [
                    {"role": "system", "content": _SYSTEM_2024},
                    {"role": "user", "content": user},
                    {"role": "assistant", "content": f"{PRICE_PREFIX}{price:.2f}"},
                ]
            }
        )
    return found


def chats_2025(_: str, rows: pa.Table) -> Rows:
    """Returns rows of `openai-2025`."""
    return [
        {
            "messages": [
                {"role": "user", "content": _USER_2025 + full},
                {"role": "assistant", "content": f"${price:.2f}"},
            ]
        }
        for full, price in zip(rows[_FULL].to_pylist(), rows[PRICE].to_pylist(), strict=True)
    ]


def _load(root: Path | str, splits: Sequence[str]) -> str:
    path = printable(repr(f"{root}/{splits[0]}.jsonl"))
    return f'client.files.create(file=open({path}, "rb"), purpose="fine-tune")'


FORMS = (
    Form(
        name="openai-2024",
        summary="OpenAI's fine-tuning, chats of the 2024 course",
        columns=(PROMPT, PRICE),
        lines=chats_2024,
        loading=_load,
        recipe="course-2024",
    ),
    Form(
        name="openai-2025",
        summary="OpenAI's fine-tuning, chats of the 2025 course",
        columns=(_FULL, PRICE),
        lines=chats_2025,
        loading=_load,
        recipe="course-2025",
    ),
)
