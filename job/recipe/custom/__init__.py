"""Recipes of users' own: found by path or module, read as data, imported only for a config that names them."""
