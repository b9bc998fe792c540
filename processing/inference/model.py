"""Model: an ONNX file that was looked at, loaded, tried on a small tile and understood, before any work is done
with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..progress import Progress
from .card import DEFAULT_SCALE, DEFAULT_TILE, Card
from .card_file import read_card
from .heads import Head, Trial, Understood, understand
from .model_input import ModelInput
from .onnx_file import OnnxFile, inspect
from .session import Session

TRIALS = ((128, 256), (224, 448), (512,))
"""Sizes to try where the model takes any: multiples of 32 first, then of 14."""

TRIAL_SECONDS = 60.0


@dataclass(frozen=True)
class Model:
    """A model ready to run.

    ``card`` is whole: model type, tile size, heads' classes, one ``mean`` and ``std`` a channel. ``notes`` are what was
    assumed or overridden, for people to read; ``fallback`` says why ``provider_used`` is not what was wanted, or "".
    """

    path: Path
    file: OnnxFile
    card: Card
    inputs: ModelInput
    heads: tuple[Head, ...]
    notes: list[str]
    session: Session
    sidecar: Path | None = None

    @staticmethod
    def open(
        path: str | Path,
        provider: str = "automatic",
        threads: int = 0,
        card: Path | None = None,
        progress: Progress | None = None,
        problems: list[str] | None = None,
    ) -> Model:
        """Open the model at ``path`` with its card (``card``: a sidecar elsewhere) on a provider.

        Raises ModelError where it does not fit, with what was expected and found: nothing was computed yet but one or
        two small tiles of noise. With a list ``problems``, what is wrong with the card alone is appended to it instead.
        """
        path, progress = Path(path), progress or Progress()
        file = inspect(path)
        session = Session(path, provider, threads, progress)
        reading = read_card(path, session.metadata, card)
        wrong = list(reading.problems)
        found = reading.card
        given = ModelInput.of(session.inputs, found, path.name)
        with session.stopping(progress):
            trials = _trials(session, given, found)
        notes = list(reading.notes)
        outputs = session.outputs
        try:
            understood = understand(found, given, outputs, trials, path.name)
        except ModelError as error:
            if problems is None or not _from_card(found):
                raise
            wrong.append(error.message)
            understood = _without_card(found, given, outputs, trials, path.name)
        found, more = _resolved(found, given, understood, path.name)
        wrong += more
        if problems is not None:
            problems += wrong
        elif wrong:
            raise ModelError(f"The card of {path.name} does not fit. " + " ".join(wrong))
        return Model(path, file, found, given, understood.heads, notes + understood.notes, session, reading.sidecar)

    @property
    def provider_used(self) -> str:
        """What runs it, in words."""
        return self.session.provider.title

    @property
    def fallback(self) -> str:
        """Why something else than what was wanted runs it, or ""."""
        return self.session.fallback

    @property
    def threads(self) -> int:
        """Threads of one run."""
        return self.session.threads

    @property
    def tile_size(self) -> int:
        """Pixels of a tile: the model's own where it is fixed, else the card's."""
        return self.card.tile_size

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The heads' results, see ``Head``, for a batch (n, channels, height, width) of prepared channels.

        Any n will do: a model of a fixed batch is given parts, the last one filled up with zeros. Thread-safe. Raises
        ModelError where the model fails or gives NaN or infinity, Cancelled once it was stopped.
        """
        expected = (self.inputs.channels, *((self.inputs.size,) * 2 if self.inputs.size else batch.shape[2:]))
        if batch.ndim != 4 or batch.shape[1:] != expected or not len(batch):
            raise ModelError(
                f"{self.path.name} takes {self.inputs.describe()}; it was given a batch of shape {batch.shape}."
            )
        step = self.inputs.batch or len(batch)
        parts = [self._run(batch[start : start + step]) for start in range(0, len(batch), step)]
        return parts[0] if len(parts) == 1 else [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def stop(self) -> None:
        """End runs under way in other threads; see ``stopping``."""
        self.session.stop()

    def close(self) -> None:
        """Give the memory back; see ``Session.close``."""
        self.session.close()

    @contextmanager
    def stopping(self, progress: Progress) -> Iterator[None]:
        """Inside the block, cancelling ``progress`` ends a run in the middle of the model."""
        with self.session.stopping(progress):
            yield

    def _run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        count = len(batch)
        if self.inputs.batch and count < self.inputs.batch:
            batch = np.concatenate([batch, np.zeros((self.inputs.batch - count, *batch.shape[1:]), np.float32)])
        outputs = self.session.run(self.inputs.feed(batch))
        results = []
        for head in self.heads:
            result = head.finish(outputs[head.output][:count], self.card.reg_output_scaling)
            if not np.isfinite(result.sum()) and not np.isfinite(result.sum(dtype=np.float64)):
                raise self._not_finite(head, result)
            results.append(result)
        return results

    def _not_finite(self, head: Head, result: NDArray[np.float32]) -> ModelError:
        strange = ~np.isfinite(result)
        first = ", ".join(str(int(axis[0])) for axis in np.nonzero(strange))
        half = " Half-precision models overflow easily: try one in float32." if self.inputs.dtype == "float16" else ""
        return ModelError(
            f"{self.path.name} gave {int(strange.sum()):,} of {strange.size:,} values that are not numbers (NaN or "
            "infinity) "
            f"in the output {head.output_name!r}, first at ({first}) of {result.shape}. Nothing was written: check "
            "the scale and "
            f"the standardisation in its card against the raster's values.{half}"
        )


def _trials(session: Session, given: ModelInput, card: Card) -> list[Trial]:
    """Outputs for tiles of noise: of one size where it is fixed, else of two."""
    if given.size:
        return [_trial(session, given, given.size)]
    candidates = [*TRIALS, (card.tile_size,)] if card.tile_size else list(TRIALS)
    for sizes in candidates[:-1]:
        with suppress(ModelError):
            return [_trial(session, given, size) for size in sizes]
    return [_trial(session, given, size) for size in candidates[-1]]


def _trial(session: Session, given: ModelInput, size: int) -> Trial:
    random = np.random.default_rng(0)
    shape = (given.batch or 1, given.channels, size, size)
    noise = random.uniform(0, 255, shape) if given.dtype == "uint8" else random.standard_normal(shape)
    outputs = session.run(given.feed(noise.astype(np.float32)), TRIAL_SECONDS)
    for number, array in enumerate(outputs):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or not array.size:
            raise ModelError(
                f"{session.path.name} gives something that is not an array of numbers as its output {number + 1}."
            )
    return Trial(size, [array.astype(np.uint8) if array.dtype.kind == "b" else array for array in outputs])


def _from_card(card: Card) -> bool:
    return bool({"model_type", "heads", "det_type"} & card.sources.keys())


def _without_card(card: Card, given: ModelInput, outputs: list[object], trials: list[Trial], name: str) -> Understood:
    """What the outputs themselves say, where the card contradicts them."""
    bare = card.changed(model_type=None, heads=[], det_type=None)
    understood = understand(bare, given, outputs, trials, name)
    return replace(understood, model_type=card.model_type or understood.model_type)


def _resolved(card: Card, given: ModelInput, understood: Understood, model: str) -> tuple[Card, list[str]]:
    """The card made whole against the model, and where it contradicts the model."""
    problems = []
    tile = given.size or card.tile_size or DEFAULT_TILE
    if given.size and card.tile_size not in (0, given.size) and card.source("tile_size") != "metadata":
        problems.append(f"The card says tiles of {card.tile_size} pixels; {model} takes only {given.size}.")
    named = len(card.bands) + len(card.indices)
    if card.bands and named != given.channels:
        problems.append(
            f"The card names {len(card.bands)} bands and {len(card.indices)} indices; {model} takes {given.channels} "
            "channels."
        )
    values: dict[str, Any] = {"model_type": understood.model_type, "tile_size": tile}
    for name, neutral in (("mean", 0.0), ("std", 1.0)):
        said: list[float] = getattr(card, name)
        indices = len(card.indices)
        if len(said) in (0, given.channels):
            full = said or [neutral] * given.channels
        elif len(said) == given.channels - indices:
            full = said + [neutral] * indices
        elif len(said) == 1:
            full = said * (given.channels - indices) + [neutral] * indices
        else:
            problems.append(
                f"The card gives {len(said)} numbers for {name!r}; {model} takes {given.channels} channels."
            )
            full = [neutral] * given.channels
        values[name] = full
    if given.dtype == "uint8" and card.source("scale") == "default":
        values["scale"] = 1.0
    elif card.source("scale") == "default":
        values["scale"] = DEFAULT_SCALE
    heads = [
        {"name": head.name, "activation": head.activation, "classes": list(head.classes)} for head in understood.heads
    ]
    values["heads"] = heads
    return card.changed(**values), problems
