"""Speeds and comparisons, measured by hand: `python -m benchmarks.NAME`."""
