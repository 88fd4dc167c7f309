"""The work that is timed: what is asked for, and the steps that do it."""
