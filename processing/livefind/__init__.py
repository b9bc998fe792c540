"""What the dock's tab Find asks: the worker keeps what it loaded of a store."""
