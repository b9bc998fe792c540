"""A procedural landscape with known truth, to try everything on."""
