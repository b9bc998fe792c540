"""The client of the backend process."""
