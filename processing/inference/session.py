"""An onnxruntime session that behaves: bounded threads, errors in words, stopped at once, and honest about its "
"provider."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from ..errors import Cancelled, ModelError
from ..executors import cores
from ..progress import Progress
from .providers import Provider, choose, options

LOOK = 0.05
"""Seconds between two looks at whether the user has cancelled."""

QUIET = 4
"""onnxruntime's level "fatal": what goes wrong is told as an exception, not on stderr as well."""

MEMORY = re.compile(r"allocate memory|bad.?alloc|out of memory|ALLOC_FAILED|E_OUTOFMEMORY|cudaErrorMemory", re.I)


class Session:
    """A model that was loaded. ``provider`` runs it; ``fallback`` says why it is not the one that was wanted, or "".

    ``metadata``, ``inputs`` and ``outputs`` are what the model says. ``run`` may be called from several threads at
    once.
    """

    def __init__(self, path: Path, wanted: str, threads: int, progress: Progress) -> None:
        self.path = path
        self.threads = threads or cores()
        self._lock = threading.Lock()
        self._running: set[Any] = set()
        self._stopped = False
        self._loading: Any = None
        with self.stopping(progress):
            self.provider, self.fallback, self.onnx = self._load(choose(wanted))
        self.metadata, self.inputs, self.outputs = self._described()
        if self.fallback:
            progress.warn(self.fallback)

    def run(self, feed: Mapping[str, NDArray[Any]], seconds: float = 0) -> list[NDArray[Any]]:
        """All outputs for the inputs ``feed``. Raises ModelError in words where onnxruntime fails, memory is short, or
        it takes longer than ``seconds`` (0: as long as it likes); Cancelled once ``stop`` was called."""
        options = onnxruntime.RunOptions()
        options.log_severity_level = QUIET
        late = threading.Event()

        def expire() -> None:
            late.set()
            _end(options)

        timer = threading.Timer(seconds, expire) if seconds else None
        with self._lock:
            if self._stopped:
                raise Cancelled
            self._running.add(options)
        try:
            if timer is not None:
                timer.daemon = True
                timer.start()
            outputs: list[NDArray[Any]] = self.onnx.run(None, dict(feed), options)
            return outputs
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            if self._stopped:
                raise Cancelled from error
            if late.is_set():
                text = f"{self.path.name} did not answer within {seconds:g} s for a small trial tile; it is not used."
                raise ModelError(text, str(error)) from error
            raise self._explained(error, feed) from error
        finally:
            if timer is not None:
                timer.cancel()
            with self._lock:
                self._running.discard(options)

    def stop(self) -> None:
        """End loading and all runs, at the next operator of the model, and refuse new runs."""
        with self._lock:
            self._stopped = True
            if hasattr(self._loading, "set_load_cancellation_flag"):  # onnxruntime 1.21 and later
                self._loading.set_load_cancellation_flag(True)
            for options in self._running:
                _end(options)

    def close(self) -> None:
        """Give the model's memory back; it cannot run any more."""
        self.stop()
        self.onnx = None

    @contextmanager
    def stopping(self, progress: Progress) -> Iterator[None]:
        """Inside the block a cancelled ``progress`` stops the runs at once. Afterwards the session works again."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(LOOK):
                if _cancelled(progress):
                    self.stop()
                    return

        watcher = threading.Thread(target=watch, name="bitscape-cancel", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            with self._lock:
                self._stopped = False

    def _described(self) -> tuple[dict[str, str], list[Any], list[Any]]:
        """Metadata, inputs and outputs (onnxruntime's, with ``name``, ``type`` and ``shape``)."""
        try:
            outputs = self.onnx.get_outputs()
            _ = [one.name for one in outputs]
            return dict(self.onnx.get_modelmeta().custom_metadata_map), self.onnx.get_inputs(), outputs
        except UnicodeDecodeError as error:
            text = f"{self.path.name} is damaged: its names or metadata are not text. Download or export it again."
            raise ModelError(text, str(error)) from error

    def _load(self, candidates: list[Provider]) -> tuple[Provider, str, Any]:
        """The first of the candidates that loads the model, why not those before it, and the session."""
        failed: list[str] = []
        for candidate in candidates:
            session, why = self._try(candidate, last=candidate is candidates[-1])
            if session is not None:
                text = f"{self.path.name} runs on {candidate.title}: {'; '.join(failed)}." if failed else ""
                return candidate, text, session
            failed.append(why)
        raise ModelError(f"{self.path.name} cannot be run by any provider: {'; '.join(failed)}.")

    def _try(self, candidate: Provider, last: bool) -> tuple[Any, str]:
        """A session of the candidate, or None and why not. Raises ModelError where the ``last`` one fails too."""
        if not candidate.offered:
            return None, f"{candidate.title} is not in the onnxruntime that is installed"
        self._loading = _options(self.threads)
        try:
            session = onnxruntime.InferenceSession(
                str(self.path), self._loading, [candidate.name], [options(candidate, self.threads)]
            )
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            if self._stopped:
                raise Cancelled from error
            if last:
                raise self._unloadable(error) from error
            return None, f"{candidate.title} failed ({_first_line(error)})"
        if session.get_providers()[0] != candidate.name:
            return None, f"{candidate.title} did not start (is its driver or library missing?)"
        return session, ""

    def _unloadable(self, error: Exception) -> ModelError:
        text = str(error)
        name = self.path.name
        if isinstance(error, MemoryError) or MEMORY.search(text):
            return ModelError(f"There is not enough memory to load {name}. Close other programs.", text)
        if "not a registered function/op" in text or "is not registered" in text:
            found = re.search(r"(\S+)\(-?\d+\) is not a registered", text)
            what = f" ({found.group(1)})" if found else ""
            return ModelError(
                f"{name} needs an operator that onnxruntime {onnxruntime.__version__} does not have{what}. Export it "
                "with "
                "standard ONNX operators.",
                text,
            )
        if "xternal data" in text:
            return ModelError(
                f"{name} keeps weights in another file that cannot be used: it must lie beside the model.", text
            )
        if "opset" in text.lower() or "ir_version" in text.lower() or "IR version" in text:
            return ModelError(
                f"{name} is of a newer ONNX version than onnxruntime {onnxruntime.__version__} knows. Export it with "
                "an "
                "older opset, or update the backend.",
                text,
            )
        return ModelError(f"{name} cannot be loaded: {_first_line(error)}", text)

    def _explained(self, error: Exception, feed: Mapping[str, NDArray[Any]]) -> ModelError:
        text = str(error)
        shapes = ", ".join(" × ".join(map(str, array.shape)) for array in feed.values())
        if isinstance(error, MemoryError) or MEMORY.search(text):
            other = "" if self.provider.key == "cpu" else ", or the provider CPU"
            return ModelError(
                f"There is not enough memory to run {self.path.name} on {self.provider.title} for an input of "
                f"{shapes}. "
                f"Choose a smaller tile{other}.",
                text,
            )
        found = re.search(r"index: (\d+) Got: (\d+) Expected: (\d+)", text)
        if found:
            axis, got, expected = map(int, found.groups())
            return ModelError(
                f"{self.path.name} expects {expected} along axis {axis} of its input and was given {got} ({shapes}).",
                text,
            )
        return ModelError(
            f"{self.path.name} failed on {self.provider.title} with an input of {shapes}: {_first_line(error)} "
            "Try another tile size (many models want a multiple of 32).",
            text,
        )


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _cancelled(progress: Progress) -> bool:
    try:
        progress.check()
    except Cancelled:
        return True
    return False


def _end(options: Any) -> None:
    options.terminate = True


def _first_line(error: Exception) -> str:
    """The reason alone, without onnxruntime's codes and source files."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    text = re.sub(r"/\S*/(onnxruntime|\w+)/\S+\.(cc|h):\d+\s*", "", text)
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line[:300].rstrip(".") + "."
