"""Moves items for `craft`: reads the index of all of them, and brings each one to its shard and row."""
