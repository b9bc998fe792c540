"""What computes: runs in the backend's own Python, never imports QGIS, Qt or osgeo."""
