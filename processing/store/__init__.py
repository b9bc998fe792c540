"""Retrieval stores: what one is on disk or over HTTP; writing its shards, choosing among them, reading them."""
