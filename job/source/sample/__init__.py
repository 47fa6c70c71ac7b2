"""A sample catalogue, made from a seed: what a listing is like, and the files it lies in."""
