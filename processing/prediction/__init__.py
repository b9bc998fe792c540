"""What models make of a raster: classes and numbers, objects, finer pictures, places like an example."""
