"""Arithmetic: from an architecture to time, capacity, money and risk."""
