"""Statistics of maps: reference samples, accuracy and area."""
