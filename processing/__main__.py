"""The same operations from a shell: ``python processing/__main__.py OPERATION request.json`` (or ``-`` for stdin).

Prints the result as JSON on stdout, progress and log on stderr. Exit code 0 on success, 1 on an error that it explains,
2 on wrong usage, 130 when interrupted.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType


def main(arguments: list[str]) -> int:
    """Run one operation; returns the exit code."""
    from bitscape.processing import operations
    from bitscape.processing.environment import prepare
    from bitscape.processing.errors import BitscapeError, Cancelled
    from bitscape.processing.progress import Progress

    if len(arguments) != 2 or arguments[0] not in operations.OPERATIONS:
        print(f"usage: OPERATION REQUEST.json\noperations: {', '.join(operations.OPERATIONS)}", file=sys.stderr)
        return 2
    prepare()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    progress = Progress(
        lambda fraction, text: say(f"{fraction:4.0%} {text}"), lambda text, level: say(f"{level}: {text}")
    )

    def stop(_signum: int, _frame: FrameType | None) -> None:
        progress.cancel()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        text = sys.stdin.read() if arguments[1] == "-" else Path(arguments[1]).read_text(encoding="utf-8")
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        say(f"{arguments[1]} is not a readable JSON request: {error}")
        return 2
    try:
        print(json.dumps(operations.run(arguments[0], values, progress), indent=1))
        return 0
    except Cancelled as error:
        say(error.message)
        return 130
    except BitscapeError as error:
        say(error.message)
        if error.detail and os.environ.get("BITSCAPE_DEBUG"):
            say(error.detail)
        return 1


if __name__ == "__main__":
    if "bitscape" not in sys.modules:
        root = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location("bitscape_worker", root / "worker.py")
        if spec is None or spec.loader is None:
            raise SystemExit(f"{root} is not Bitscape's processing folder")
        worker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(worker)
        worker.register_package()
        sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != root]
    sys.exit(main(sys.argv[1:]))
