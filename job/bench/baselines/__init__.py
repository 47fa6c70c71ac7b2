"""Other ways to do the same work, which `curate run` is compared with."""
