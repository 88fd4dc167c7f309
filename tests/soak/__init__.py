"""Campaigns against the readers and against sudden death: `make soak`."""
