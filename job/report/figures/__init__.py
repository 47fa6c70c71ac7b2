"""Figures: counts that tasks make and that add up, exactly. They know columns of numbers, and nothing of outputs."""
