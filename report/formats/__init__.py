"""How a document is drawn: HTML, PDF, workbook, slides, Markdown, JSON."""
