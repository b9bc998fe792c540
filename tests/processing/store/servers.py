"""A web server on loopback that serves a folder in ranges, and misbehaves where a test wants it to."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Server:
    """``ranges``: whether parts can be asked for. ``delay``: seconds before each answer. ``broken`` paths answer 500,
    ``cut`` ones close in the middle of the body, ``moved`` ones send elsewhere, ``refused`` ones answer 403. ``seen``:
    path and range of each request; ``sent``: bytes of bodies."""

    folder: Path
    ranges: bool = True
    delay: float = 0.0
    broken: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    sent: int = 0
    most_at_once: int = 0
    url: str = ""

    def __enter__(self) -> Server:
        self._lock = threading.Lock()
        self._now = 0
        self.stopping = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def paths(self) -> set[str]:
        """What was asked for."""
        return {path for path, _ in self.seen}

    def enter(self, path: str, part: str, agent: str) -> None:
        with self._lock:
            self.seen.append((path, part))
            self.agents.add(agent)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)

    def leave(self, sent: int) -> None:
        with self._lock:
            self._now -= 1
            self.sent += sent


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            if server.stopping.is_set():
                self.close_connection = True
                return
            path, part = self.path.lstrip("/"), self.headers.get("Range", "")
            server.enter(path, part, self.headers.get("User-Agent", ""))
            sent = 0
            try:
                server.stopping.wait(server.delay)
                sent = self.answer(path, part)
            except OSError:
                self.close_connection = True
            finally:
                server.leave(sent)

        def answer(self, path: str, part: str) -> int:
            if path in server.moved:
                return self.plain(302, {"Location": server.moved[path]})
            if path in server.broken:
                return self.plain(500, {})
            if path in server.refused:
                return self.plain(403, {})
            place = server.folder / path
            if not place.is_file():
                return self.plain(404, {})
            content = place.read_bytes()
            size = len(content)
            headers = {"ETag": f'"{size}-{place.stat().st_mtime_ns}"'}
            status = 200
            found = re.fullmatch(r"bytes=(\d*)-(\d*)", part)
            if server.ranges and found:
                first, last = found.groups()
                start = int(first) if first else max(size - int(last), 0)
                stop = min(int(last) + 1 if first and last else size, size)
                if start >= size:
                    return self.plain(416, {"Content-Range": f"bytes */{size}"})
                content, status = content[start:stop], 206
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if path in server.cut:
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)
            return len(content)

        def plain(self, status: int, headers: dict[str, str]) -> int:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return 0

    return Handler


def until(met: Any, seconds: float = 5.0) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if met():
            return True
        time.sleep(0.01)
    return bool(met())
