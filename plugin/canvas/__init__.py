"""What happens on the map canvas: tools, and what is drawn over the map or exchanged under it."""
