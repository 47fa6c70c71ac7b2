"""The report of a training set: counts its shards, reads a few rows as examples, and puts figures and page together."""
