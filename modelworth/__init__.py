"""The command line of modelworth: thin verbs over bench, data, costmodel and dashboard."""

__version__ = "0.1.0"
