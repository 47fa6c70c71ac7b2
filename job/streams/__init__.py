"""Standard output and standard error, which nobody may read."""
