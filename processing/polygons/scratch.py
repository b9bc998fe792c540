"""Numbers of a whole raster in a file without a name: as large as the disk allows, gone when it is closed."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..outputs import explained, require_space


class Scratch:
    """An array (height, width), zeros at first, of which the system keeps in memory what it likes; a context manager.

    ``release`` hands the pages back: what is held stays small however large the array is.
    """

    def __init__(self, beside: Path, height: int, width: int, dtype: Any) -> None:
        self._beside, self._shape, self._dtype = beside, (height, width), np.dtype(dtype)

    def __enter__(self) -> Self:
        size = self._shape[0] * self._shape[1] * self._dtype.itemsize
        require_space(self._beside, size)
        with explained(self._beside):
            self._file = tempfile.TemporaryFile(dir=self._beside.absolute().parent, prefix=".bitscape-")
            try:
                if hasattr(os, "posix_fallocate"):  # a full disk is to be an error, not a bus error
                    os.posix_fallocate(self._file.fileno(), 0, size)
                else:
                    self._file.truncate(size)
                self._map = mmap.mmap(self._file.fileno(), size)
            except BaseException:
                self._file.close()
                raise
        self.array: NDArray[Any] = np.frombuffer(self._map, self._dtype).reshape(self._shape)
        return self

    def release(self) -> None:
        """Hand the memory back to the system; the numbers stay."""
        if hasattr(self._map, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.array
        try:
            self._map.close()
        except BufferError:  # an error's traceback still holds a view; the file goes with it
            pass
        self._file.close()
