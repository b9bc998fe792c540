"""The tab Validate: random points, and how good the map is."""
