"""The worked question in both languages, made from the shipped studies and the scenario."""
