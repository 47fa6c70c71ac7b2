"""Runs commands as whole processes, and measures time, CPU and memory from outside."""
