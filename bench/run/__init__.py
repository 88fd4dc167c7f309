"""A run of the harness: suites, isolated workers, records, searches, comparisons."""
