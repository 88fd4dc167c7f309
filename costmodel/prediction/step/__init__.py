"""The step model: one pass or optimizer step of a Transformer on its devices."""
