"""Where pixels are: grids, windows, and rasters in and out."""
