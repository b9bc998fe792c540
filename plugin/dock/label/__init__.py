"""The tab Label: clicks, and the map that answers them."""
