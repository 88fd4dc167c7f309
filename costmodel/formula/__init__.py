"""Formulas as text: parsed, ordered, compiled to array operations."""
