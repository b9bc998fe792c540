"""How far embeddings can be compressed before they stop being useful: measured on one's own labels."""
