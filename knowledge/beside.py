"""A few threads of this process for what a search computes while its own thread waits for the database."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

THREADS = 8  # as many searches as a worker answers at once

Given = ParamSpec("Given")
Result = TypeVar("Result")

_pools: list[ThreadPoolExecutor] = []
# A forked child has none of the threads.
os.register_at_fork(after_in_child=_pools.clear)


def beside(function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
    """Begin `function` in another thread, in this one's app context: a session is for one of them at a time.

    They begin in the order in which they are given, so one may wait for the result of one that was given before it.
    """
    if not _pools:
        _pools.append(ThreadPoolExecutor(THREADS, thread_name_prefix="beside"))
    return _pools[0].submit(copy_context().run, partial(function, *args, **kwargs))
