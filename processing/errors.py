"""The one exception tree. Standard library only and Python 3.9: QGIS's side reads it too."""

from __future__ import annotations


class BitscapeError(Exception):
    """Something the user can understand and act on.

    ``message`` says what happened, where, and what to do, in the user's words; ``detail`` is for the log.
    ``kind`` is the name under which the error crosses the process boundary.
    """

    kind = "error"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class InputError(BitscapeError):
    """A parameter or a file that cannot be used as it is."""

    kind = "input"


class OutputError(BitscapeError):
    """A result that cannot be written: folder, permission, disk space."""

    kind = "output"


class GridMismatch(InputError):
    """Rasters that do not share one grid."""

    kind = "grid"


class BasisMismatch(InputError):
    """A model and tiles, or tiles and tiles, of different bases."""

    kind = "basis"


class LabelError(InputError):
    """Labels that cannot train or cannot be read."""

    kind = "labels"


class ModelError(InputError):
    """An ONNX model or its card that cannot be used as it is, or that failed while it ran."""

    kind = "model"


class Cancelled(BitscapeError):
    """The user stopped the work; nothing was written."""

    kind = "cancelled"

    def __init__(self, message: str = "Cancelled; nothing was written.", detail: str = "") -> None:
        super().__init__(message, detail)


class BackendError(BitscapeError):
    """The backend process is missing, did not start, or ended in the middle of its work."""

    kind = "backend"


KINDS: dict[str, type[BitscapeError]] = {
    cls.kind: cls
    for cls in (
        BitscapeError,
        InputError,
        OutputError,
        GridMismatch,
        BasisMismatch,
        LabelError,
        ModelError,
        Cancelled,
        BackendError,
    )
}


def from_kind(kind: str, message: str, detail: str = "") -> BitscapeError:
    """The error that crossed the process boundary as ``kind``; an unknown kind is a plain BitscapeError."""
    return KINDS.get(kind, BitscapeError)(message, detail)
