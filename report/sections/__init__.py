"""What a document says: sections of paragraphs, tables and charts, as plain data."""
