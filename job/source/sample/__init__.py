"""Makes a sample catalogue from a seed: `listings` its rows, `catalogue` its files."""
