"""So many calls a minute, by the user's word."""

import asyncio


class Spacing:
    """Begins calls at even distances; used on one event loop."""

    def __init__(self, per_minute: float | None) -> None:
        """Start with a free turn.

        Args:
            per_minute: calls that may begin in a minute, None for any number.
        """
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for it."""
        if not self._seconds:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + self._seconds
        await asyncio.sleep(at - now)
