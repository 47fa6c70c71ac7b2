"""Text for people about outputs: what would be done, what was done, what is in them."""
