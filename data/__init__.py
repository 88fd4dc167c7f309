"""The record of a measurement, its store, and catalogues of facts with their sources."""
