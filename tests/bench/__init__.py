"""Tests of `curate bench`."""
