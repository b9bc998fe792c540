"""Patch embeddings to retrieval stores: reading, pooling, coding, sorting by place, measured recall."""
