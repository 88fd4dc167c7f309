"""The financial model: drivers, formulas, capacity, options, and the linter for plans."""
