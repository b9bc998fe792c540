"""Fewer bytes per pixel: PCA bases and embedding tiles."""
