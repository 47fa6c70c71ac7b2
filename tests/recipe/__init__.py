"""Tests of the recipe, rule by rule and against a plain second version of it."""
