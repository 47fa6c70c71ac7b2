"""The course's recipe of 2024: a listing becomes a question for its price, with the answer."""
