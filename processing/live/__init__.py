"""The resident worker of the dock: answers to clicks, while one labels."""
