"""Maps from models: scores, classes and numbers, and what they will cost."""
