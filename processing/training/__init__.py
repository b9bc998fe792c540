"""Training from labels, of classes or numbers, and the report on it."""
