"""What QGIS sees: Python 3.9 or newer inside QGIS, nothing that links native geo or ML libraries."""
