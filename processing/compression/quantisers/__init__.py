"""Quantisers of embedding vectors, one method a module: rows of float32 ↔ rows of bytes."""
