"""The tab Find: every place like the ones that were clicked."""
