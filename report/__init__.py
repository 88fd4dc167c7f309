"""Documents that stand on their own, all made from one analysis; `files` writes them."""
