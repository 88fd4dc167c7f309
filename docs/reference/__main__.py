"""Writes the reference pages and the picture of the rooms again."""

from docs.reference.pages import PAGES

for path, made in PAGES.items():
    path.write_text(made(), "utf-8")
