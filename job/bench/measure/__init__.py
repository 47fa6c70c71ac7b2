"""Runs the methods in processes of their own, and measures them."""
