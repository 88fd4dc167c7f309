"""Clocks and counters: step times and their statistics, peak memory, power, ceilings."""
