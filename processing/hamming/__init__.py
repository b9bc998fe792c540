"""Packed binary codes: distances, nearest neighbours, scores of exemplars, and their algebra.

Codes are uint8 (n, bytes), C-contiguous; dimension 0 is the highest bit of byte 0, as numpy.packbits has it; bits
beyond the last dimension are zero.
"""

from .algebra import combine, invert, majority
from .batch import Nearest, nearest
from .contrastive import BitWeights, scores
from .ranking import smallest
from .single import distances

__all__ = ["BitWeights", "Nearest", "combine", "distances", "invert", "majority", "nearest", "scores", "smallest"]
