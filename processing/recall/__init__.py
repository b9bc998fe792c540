"""What codes lose, measured: recall of every recipe, and what re-ranking brings back."""
