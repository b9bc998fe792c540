"""Reports: pages that stand alone, with their plots inside."""
