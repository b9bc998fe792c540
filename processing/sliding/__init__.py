"""A model over a raster of any size: windows, what the model sees of them, and blending what it says."""
