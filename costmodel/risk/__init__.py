"""Uncertain drivers, trials over them, and what they say: risk, break-even, verdict."""
