"""Servers under load: a lean client, what its requests saw, and a server's own meters."""
