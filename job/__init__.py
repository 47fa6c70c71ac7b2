"""curate: a big product catalogue becomes training data, on Ray."""
