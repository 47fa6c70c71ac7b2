"""Tests of what `curate craft` decides, step by step and against plain second versions of it."""
