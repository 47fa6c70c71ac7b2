"""A Ray cluster on one machine, each node its own processes: for `scripts/cluster`, and for the tests."""
