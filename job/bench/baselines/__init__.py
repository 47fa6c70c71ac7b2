"""The ways to do the same work that `curate run` is compared with."""
