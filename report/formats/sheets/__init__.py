"""The sheets of the workbook and their live formulas."""
