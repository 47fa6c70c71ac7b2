"""Sources: where a category's files lie, how they are found and fetched, and how their rows are read."""
