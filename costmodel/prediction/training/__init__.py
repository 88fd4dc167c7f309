"""Training runs made of steps: layouts, plans, failures, published runs."""
