"""Servers made of passes: regimes with fixed load, and loads that arrive at a rate."""
