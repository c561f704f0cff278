"""Benchmarks: each prints a table with what it measured, and is run by `python -m benchmarks.<name>`."""
