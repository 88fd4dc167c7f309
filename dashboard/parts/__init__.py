"""What pages are put together from: figures, tables, cards, links, long work."""
