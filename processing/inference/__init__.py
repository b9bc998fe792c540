"""Polygons from maps: which pixels, their connected regions, outlines, attributes, and what changed between maps."""
