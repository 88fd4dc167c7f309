"""Everything that touches an accelerator: builds a model, runs a step, times it, keeps a record."""
