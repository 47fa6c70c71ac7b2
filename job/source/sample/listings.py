"""Invents listings that resemble real ones in what the job's results and speed depend on.

The share of rows with a price, the lengths of texts, how varied their words are, the share of rows that become items,
and the odd characters and values follow the real data. All text is the project's own, and all brands are invented.
"""

from __future__ import annotations

import random
import string
from typing import Any

from job.source.sample import lexicon
from job.source.sample.writer import BULLETS, DETAILS, SENTENCES, SUBTITLES, TITLES, VIDEO_TITLES, Writer

_FULL_SHARE = 0.61
"""Share of the rows with enough text to be kept; about half of those have a price, too."""


class RowMaker:
    """Makes the rows of one chunk in order."""

    def __init__(self, seed: int, category: str, chunk: int):
        self._random = random.Random(f"{seed}/{category}/{chunk}")  # noqa: S311  # a sample, no secret
        self._category = category.replace("_", " ")
        self._writer = Writer(self._random)
        self._titles: list[str] = []

    def row(self) -> dict[str, Any]:
        """Returns the next row as its JSON object."""
        rng = self._random
        full = rng.random() < _FULL_SHARE
        self._writer.begin()
        brand = self._writer.brand
        row: dict[str, Any] = {
            "main_category": self._category if rng.random() < 0.97 else None,
            "title": self._title(brand),
            "average_rating": round(rng.triangular(1, 5, 4.6), 1),
            "rating_number": int(rng.lognormvariate(3, 1.8)) + 1,
            "features": self._features(rng.randint(5, 8) if full else max(0, rng.randint(-3, 2))),
            "description": self._description(rng.randint(2, 7) if full else rng.randint(1, 2)),
            "price": self._price(),
            "images": self._images(rng.randint(5, 14)),
            "videos": self._videos(rng.randint(1, 2) if rng.random() < 0.2 else 0),
            "store": brand if rng.random() < 0.96 else None,
            "categories": [self._category, "Parts & Accessories", self._writer.noun().title()],
            "details": self._details(brand, full=full),
            "parent_asin": "B0" + "".join(rng.choices(string.ascii_uppercase + string.digits, k=8)),
        }
        if rng.random() < 0.9:
            row["bought_together"] = None
        if rng.random() < 0.02:
            row["subtitle"] = self._writer.fill(SUBTITLES)
            row["author"] = {"name": f"{brand} Press", "about": [self._writer.fill(SENTENCES)]}
        return row

    def _title(self, brand: str) -> str | None:
        rng = self._random
        chance = rng.random()
        if chance < 0.001:
            return None
        if chance < 0.03 and self._titles:
            return rng.choice(self._titles)
        title = f"{brand} {_capitals(self._writer.fill(TITLES))}"
        if chance < 0.13:
            title += f" {self._writer.long_code()}"
        if chance > 0.998:
            title = ", ".join([title, *(self._writer.fill(TITLES) for _ in range(15))])
        self._titles.append(self._writer.odd(title))
        return self._titles[-1]

    def _price(self) -> float | str | None:
        rng = self._random
        chance = rng.random()
        if chance < 0.53:
            return None
        if chance < 0.535:
            return "—"
        if chance < 0.538:
            return 0.0
        price = round(rng.lognormvariate(3.3, 1.4), 2)
        return int(price) + 1 if chance > 0.98 else price

    def _features(self, number: int) -> list[str]:
        bullets = (f"{self._writer.fill(BULLETS)}: {self._writer.fill(SENTENCES)}" for _ in range(number))
        return [self._writer.odd(bullet) for bullet in bullets]

    def _description(self, number: int) -> list[str]:
        rng = self._random
        if rng.random() < 0.57:
            return []
        sentences = [self._writer.odd(self._writer.fill(SENTENCES)) for _ in range(number)]
        chance = rng.random()
        if chance < 0.1:
            return ["<p>" + "<br>".join(sentences) + " Fast &amp; safe.</p>"]
        return sentences if chance < 0.3 else [" ".join(sentences)]

    def _images(self, number: int) -> list[dict[str, str | None]]:
        images: list[dict[str, str | None]] = []
        for index in range(number):
            start = f"https://images.example/I/{self._random.getrandbits(44):011x}"
            images.append(
                {
                    "hi_res": f"{start}._SL1500_.jpg" if self._random.random() < 0.8 else None,
                    "large": f"{start}.jpg",
                    "thumb": f"{start}._SS40_.jpg",
                    "variant": f"PT{index:02}" if index else "MAIN",
                }
            )
        return images

    def _videos(self, number: int) -> list[dict[str, str]]:
        return [
            {
                "title": self._writer.fill(VIDEO_TITLES),
                "url": f"https://videos.example/v/{self._random.getrandbits(128):032x}",
                "user_id": "" if self._random.random() < 0.5 else f"U{self._random.getrandbits(60):015X}",
            }
            for _ in range(number)
        ]

    def _details(self, brand: str, *, full: bool) -> dict[str, Any]:
        rng = self._random
        if rng.random() < 0.02:
            return {}
        details: dict[str, Any] = {}
        if rng.random() < 0.5:
            sizes = " x ".join(f"{rng.triangular(0.5, 24, 5):.1f}" for _ in range(3))
            details["Package Dimensions"] = f"{sizes} inches; {rng.lognormvariate(0.5, 1):.1f} Pounds"
        if full or rng.random() < 0.4:
            details["Manufacturer"] = brand
            details["Item Weight"] = f"{rng.lognormvariate(2, 1):.1f} ounces"
            if rng.random() < 0.7:
                is_long = rng.random() < 0.65
                details["Item model number"] = self._writer.long_code() if is_long else self._writer.code()
        for _ in range(rng.randint(0, 4)):
            key, templates = DETAILS[int(rng.random() * len(DETAILS))]
            details[key] = self._writer.fill(templates)
        if rng.random() < 0.05:
            details["Best Sellers Rank"] = {
                self._category: rng.randrange(1, 900_000),
                self._writer.noun().title(): rng.randrange(1, 5000),
            }
        if rng.random() < 0.3:
            details["Batteries Included?"] = "No" if rng.random() < 0.8 else "Yes"
            details["Batteries Required?"] = "No" if rng.random() < 0.8 else "Yes"
        if rng.random() < 0.4:
            details["Material"] = self._writer.one_of(lexicon.MATERIALS)
            details["Color"] = self._writer.odd(self._writer.one_of(lexicon.COLOURS))
            details["Number of Pieces"] = str(rng.randint(1, 12))
        if rng.random() < 0.7:
            details["Date First Available"] = (
                f"{rng.choice(lexicon.MONTHS)} {rng.randint(1, 28)}, {rng.randint(2005, 2023)}"
            )
        return details


def _capitals(text: str) -> str:
    """Gives each word of a title its capital, and leaves the others that it has."""
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
