"""Invents listings that resemble real ones in what the job's results and speed depend on.

The share of rows with a price, the lengths of texts, the share that become items, and the odd characters and values
follow the real data. All text is the project's own, and all brands are invented.
"""

from __future__ import annotations

import random
import string
from typing import Any

_FULL_SHARE = 0.61
"""Share of the rows with enough text to be kept; about half of those have a price, too."""


def _split(text: str) -> list[str]:
    return text.split(", ")


_BRANDS = _split(
    "Alver, Brenn, Cald, Dorn, Farro, Isen, Jorva, Kest, Lumi, Norr, Oster, Rosk, S\u00f6l, Ulm, Z\u00e9ph"
)
_BRAND_ENDS = _split("ix, ora, wood, tek, mark, una, field, ell, son, haus, ity, line")
_ADJECTIVES = _split(
    "quiet, sturdy, compact, washable, heavy, bright, smooth, simple, reliable, polished, spare, warm, round, "
    "flexible, durable, light, clear, portable, seamless, adjustable, matte, foldable, rugged, gentle, solid, "
    "handy, narrow, deep"
)
_NOUNS = _split(
    "kettle, water filter, door gasket, drum pedal, guitar strap, freezer shelf, oven knob, lamp, drain hose, bow "
    "case, music stand, ice tray, range hood, reed holder, cable, dryer belt, mixer bowl, fan blade, tuner, "
    "blender jar, valve, thermostat, microphone clip, toaster rack, pump, string winder, steam nozzle, capo, "
    "burner grate, handle"
)
_WORDS = {
    "a": _ADJECTIVES,
    "b": _ADJECTIVES,
    "n": _NOUNS,
    "o": _NOUNS,
    "m": _split("steel, beech, silicone, brass, glass, nylon, cotton, aluminium, maple, cork"),
    "c": _split("black, white, silver, walnut, sand, navy blue, moss green, cr\u00e8me, red, grey"),
    "p": _split("kitchen, workshop, studio, stage, laundry room, rehearsal room, garage, small flat"),
    "v": _split("clean, fit, carry, replace, tune, store, mount, adjust, open, repair"),
    "d": _split("2, 3, 4, 6, 8, 10, 12, 15, 20, 24, 30, 36, 48, 60, 100, 250"),
}
_SENTENCES = (
    "This {a} {n} is made of {m} and stays {b} for years, even in a busy {p}.",
    "Easy to {v}: no tools, no glue, and the {o} comes off in {d} seconds.",
    "The {a} finish in {c} goes well with any {p}, and it is as {b} as it looks!",
    "We tested each {n} for {d} hours, so that yours arrives {a} and ready to use.",
    "In the box: {d} pieces, one {a} {o}, a cloth to {v} it with, and a short guide.",
    "It replaces the old {n} of most makers ; please compare the {m} part before you order.",
    'Size: {d} x {d} inches ("{a}" model), with a {b} {m} edge that does not scratch the {o}.',
    "Does your {n} rattle ? A layer of {m} keeps it {a}, and you won't have to {v} it every week.",
    "If you don't like the {n}, send it back within {d} days and we 'll pay for the way.",
    "Weighs only {d} ounces, packs {a}, and is {b} enough to take from the {p} to a friend's.",
    "A {a} gift for everyone who loves a {b} {o} in the {p} , old or young.",
    "{m} inside, {c} outside: a {n} you can {v} with one hand while the other holds the {o}.",
)
_BULLETS = (
    "Easy to {v}",
    "{a} and {b}",
    "Made for the {p}",
    "What you get",
    "{m} build",
    "{d} years of care",
)
_TITLES = (
    *("{a} {n} with {m} {o}, {c}", "{n} for {p}, {a} {m}, {d} Pack", "{d}-Piece {a} {n} Set, {b}, {c}"),
    *("{m} {n} and {o} ({c}, {d} Inch)", "{n} Replacement, {a} & {b}"),
)
_ODD_PIECES = (  # zero-width, Latin, Japanese, Cyrillic, emoji, a superscript digit, a no-break space
    *(
        "\u200b",
        "caf\u00e9 \u00fcber \u2126\u2122",
        "\u9ad8\u54c1\u8cea",
        "\u0441\u0434\u0435\u043b",
        "200cm\u00b2",
        "\xa0",
    ),
    *("\u2728\u2705", "\U0001f3b5", "\U0001f525\U0001f44d\U0001f3fd"),
)
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_MONTHS = ("January", "March", "April", "June", "August", "October", "November")


class RowMaker:
    """Makes the rows of one chunk in order."""

    def __init__(self, seed: int, category: str, chunk: int):
        self._random = random.Random(f"{seed}/{category}/{chunk}")  # noqa: S311  # a sample, no secret
        self._category = category.replace("_", " ")
        self._titles: list[str] = []

    def row(self) -> dict[str, Any]:
        """Returns the next row as its JSON object."""
        rng = self._random
        full = rng.random() < _FULL_SHARE
        brand = rng.choice(_BRANDS) + rng.choice(_BRAND_ENDS)
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
            "categories": [self._category, "Parts & Accessories", rng.choice(_NOUNS).title()],
            "details": self._details(brand, full=full),
            "parent_asin": "B0" + "".join(rng.choices(string.ascii_uppercase + string.digits, k=8)),
        }
        if rng.random() < 0.9:
            row["bought_together"] = None
        if rng.random() < 0.02:
            row["subtitle"] = self._fill("{a} {n}, {c}")
            row["author"] = {"name": f"{brand} Press", "about": [self._fill(rng.choice(_SENTENCES))]}
        return row

    def _fill(self, template: str) -> str:
        choice = self._random.choice
        return template.format(**{key: choice(words) for key, words in _WORDS.items() if f"{{{key}}}" in template})

    def _part_number(self) -> str:
        return f"{self._random.choice(('WX', 'DA', 'KR', 'MQ'))}{self._random.randrange(10**8):08}"

    def _odd(self, text: str) -> str:
        """Changes some texts as real ones are: brackets, emoji, foreign and invisible characters."""
        chance = self._random.random()
        if chance > 0.07:
            return text
        first, _, rest = text.partition(" ")
        if chance < 0.02:
            return f"【{first}】{rest}"
        if chance < 0.035:
            return f"[{first}] {rest} {{new}}"
        if chance < 0.04:
            return f"{first.translate(_FULL_WIDTH)} {rest}"
        return f"{first} {self._random.choice(_ODD_PIECES)} {rest}"

    def _title(self, brand: str) -> str | None:
        rng = self._random
        chance = rng.random()
        if chance < 0.001:
            return None
        if chance < 0.03 and self._titles:
            return rng.choice(self._titles)
        title = f"{brand} {self._fill(rng.choice(_TITLES)).title()}"
        if chance < 0.2:
            title += f" {self._part_number()}"
        if chance > 0.998:
            title = ", ".join([title, *(self._fill(template) for template in _TITLES * 3)])
        self._titles.append(self._odd(title))
        return self._titles[-1]

    def _price(self) -> float | str | None:
        rng = self._random
        chance = rng.random()
        if chance < 0.495:
            return None
        if chance < 0.5:
            return "—"
        if chance < 0.503:
            return 0.0
        price = round(rng.lognormvariate(3.3, 1.4), 2)
        return int(price) + 1 if chance > 0.98 else price

    def _features(self, number: int) -> list[str]:
        rng = self._random
        bullets = (f"{self._fill(rng.choice(_BULLETS))}: {self._fill(rng.choice(_SENTENCES))}" for _ in range(number))
        return [self._odd(bullet) for bullet in bullets]

    def _description(self, number: int) -> list[str]:
        rng = self._random
        if rng.random() < 0.57:
            return []
        sentences = [self._odd(self._fill(rng.choice(_SENTENCES))) for _ in range(number)]
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
                "title": self._fill("How to {v} a {a} {n}"),
                "url": f"https://videos.example/v/{self._random.getrandbits(128):032x}",
                "user_id": "" if self._random.random() < 0.5 else f"U{self._random.getrandbits(60):015X}",
            }
            for _ in range(number)
        ]

    def _details(self, brand: str, *, full: bool) -> dict[str, Any]:
        rng = self._random
        if rng.random() < 0.02:
            return {}
        sizes = " x ".join(f"{rng.uniform(1, 30):.1f}" for _ in range(3))
        details: dict[str, Any] = {"Package Dimensions": f"{sizes} inches; {rng.uniform(0.1, 30):.2f} Pounds"}
        if full or rng.random() < 0.4:
            details["Manufacturer"] = brand
            details["Item model number"] = self._part_number()
            details["Item Weight"] = f"{rng.uniform(0.2, 60):.1f} ounces"
        if rng.random() < 0.05:
            details["Best Sellers Rank"] = {
                self._category: rng.randrange(1, 900_000),
                rng.choice(_NOUNS).title(): rng.randrange(1, 5000),
            }
        if rng.random() < 0.3:
            details["Batteries Included?"] = "No" if rng.random() < 0.8 else "Yes"
            details["Batteries Required?"] = "No" if rng.random() < 0.8 else "Yes"
        if rng.random() < 0.5:
            details["Material"] = rng.choice(_WORDS["m"])
            details["Color"] = self._odd(f"{rng.choice(_WORDS['c'])} {rng.choice(_ADJECTIVES)}")
            details["Number of Pieces"] = rng.choice(_WORDS["d"])
        if rng.random() < 0.7:
            details["Date First Available"] = f"{rng.choice(_MONTHS)} {rng.randint(1, 28)}, {rng.randint(2005, 2023)}"
        return details
