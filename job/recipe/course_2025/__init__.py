"""The course's recipe of 2025: a listing becomes one text, with its price and weight."""
