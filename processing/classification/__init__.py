"""Labels, logistic regression, validation and score maps."""
