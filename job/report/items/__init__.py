"""The report of items: counts shards in Ray tasks, and puts the figures and the page together."""
