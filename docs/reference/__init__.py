"""Pages made from the code: `python -m docs.reference` writes them, a test holds them current."""
