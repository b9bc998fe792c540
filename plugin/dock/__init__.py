"""The dock: one small file for each panel."""
