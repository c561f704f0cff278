"""The outermost tasks of an event loop, through which all others are cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_ResultT = TypeVar("_ResultT")


class Outermost:
    """Work that can be given up as a whole.

    Only its outermost tasks are cancelled, which pass it on: a task within the HTTP library that is cancelled before it
    began, or twice, leaves its connection open.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
        """Do the work, as the outermost of its task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to run in")
        self._tasks.add(task)
        try:
            return await work
        finally:
            self._tasks.discard(task)

    async def give_up(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
