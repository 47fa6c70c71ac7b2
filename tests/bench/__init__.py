"""Tests of the bench: its baselines are exact, its figures follow from its runs, and nothing wrong gets a time."""
