"""The same stores as those that are searched at once."""

from bitscape.tests.processing.retrieval.conftest import town, two_years

__all__ = ["town", "two_years"]
