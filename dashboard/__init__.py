"""Pages, charts, words in two languages, and documents for stakeholders."""
