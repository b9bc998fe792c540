"""Embedding products: what a raster holds, and how its numbers become vectors."""
