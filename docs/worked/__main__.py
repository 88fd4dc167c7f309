"""Writes the worked question's pages again."""

from docs.worked.page import PAGES, written

for path, language in PAGES.items():
    path.write_text(written(language), "utf-8")
