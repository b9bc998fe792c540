"""What QGIS runs at its start (``--code``): imports the script that BITSCAPE_DESKTOP_SCRIPT names, as a module.

QGIS executes its code without a ``__file__``; a module has one, and finds the driver beside it.
"""

import importlib
import os
import sys
from pathlib import Path

script = Path(os.environ["BITSCAPE_DESKTOP_SCRIPT"])
sys.path[:0] = [str(script.parent), os.environ["BITSCAPE_DESKTOP_DRIVER"]]
importlib.import_module(script.stem)
