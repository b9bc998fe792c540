"""Queries of a retrieval store: places like these, views of a region, and what the dock asks for."""
