"""Reads rows: how files are cut into partitions, and how a partition becomes Arrow tables."""
