"""Where blocks of work run: threads here, or a dask cluster when a scheduler is named."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from .errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def open_executor(threads: int = 0, scheduler: str = "") -> Iterator[Executor]:
    """An executor: ``threads`` threads (0: one a core), or dask.distributed's at the address ``scheduler``.

    Raises InputError if the scheduler does not answer or dask is not installed (requirements/cluster.txt).
    """
    if not scheduler:
        with ThreadPoolExecutor(threads or cores(), thread_name_prefix="bitscape") as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            f"The scheduler {scheduler} needs dask.distributed, which this backend does not have: "
            "install requirements/cluster.txt into it, or leave the scheduler empty.",
            str(error),
        ) from error
    try:
        client = Client(scheduler, timeout=5)
    except (OSError, ValueError) as error:
        raise InputError(f"No dask scheduler answers at {scheduler}.", str(error)) from error
    with client:
        yield client.get_executor()


def in_order(executor: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Generator[R, None, None]:
    """Results of ``work`` over ``items`` in order, with at most ``ahead`` items under way: memory stays bounded.

    On an error or an abandoned iteration what has not started is cancelled and what runs is waited for.
    """
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        for future in pending:
            if not future.cancelled():
                future.exception()
