"""Numbers from codes: labels that hold numbers, ridge regression, its figures and its model."""
