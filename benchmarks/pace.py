"""What the constants of pacing/pace.py do, and the search for a silent quota beside a plain AIMD window.

    python -m benchmarks.pace

Simulated time: the token bucket of tests/test_limiter.py, at most 64 calls in flight, 0.5 s a call, five seeds. No
clock is read, so a loaded machine gives the same numbers. A cell is the goodput in per cent of what the bucket allows,
and the per cent of requests that were refused.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lmms_eval_cross.pacing import chance
from lmms_eval_cross.pacing import pace as constants
from lmms_eval_cross.pacing import window as windows
from lmms_eval_cross.pacing.limiter import Limiter
from lmms_eval_cross.pacing.limits import Limits
from lmms_eval_cross.pacing.pace import Pace, Ticket
from lmms_eval_cross.pacing.window import Window
from tests.test_limiter import Bucket

SEEDS, IN_FLIGHT, LATENCY = range(5), 64, 0.5


@dataclass(frozen=True)
class Scene:
    """A server, the calls to make, and the least seconds that they take."""

    calls: int
    least_seconds: float
    server: dict[str, Any] = field(default_factory=dict)


def _steady(rate: int, told: str, calls: int) -> Scene:
    """A bucket that holds a second's calls."""
    return Scene(calls, (calls - rate) / rate + LATENCY, {"rate": rate, "burst": rate, "told": told})


SCENES = {
    "headers, 50/s": _steady(50, "headers", 1284),
    "Retry-After, 50/s": _steady(50, "retry-after", 1284),
    "silent, 50/s": _steady(50, "nothing", 1284),
    "silent, 10/s": _steady(10, "nothing", 600),
    "silent, 100/s, from 10 s on 20/s": Scene(
        1500,
        10 + (1500 - 50 - 1000) / 20 + LATENCY,
        {"rate": 100, "burst": 50, "told": "nothing", "new_rate": (10, 20)},
    ),
    "silent, 20/s, from 20 s on 1000/s": Scene(
        4000,
        20 + (4000 - 20 - 400) / (IN_FLIGHT / LATENCY) + LATENCY,
        {"rate": 20, "burst": 20, "told": "nothing", "new_rate": (20, 1000)},
    ),
}
RANDOM = {
    f"{share:.0%} of calls refused at random": Scene(
        int(600 * 64 * (1 - share)),
        600.0,
        {"rate": 1e6, "burst": 1e6, "told": "nothing", "random_share": share, "in_flight": 32},
    )
    for share in (0.01, 0.02, 0.04, 0.1, 0.3)
}
"""Ten minutes at 32 in flight, where 64 calls a second would go out; more than 100% is possible, since a refused call
leaves its place at once."""
OTHERS = {
    "PROBE": (0.0025, 0.01),
    "_DOUBLING_CALLS": (25, 100),
    "_DOUBLING_SECONDS": (4.0, 16.0),
    "_GUESS_DOUBLES_IN_SECONDS": (1.0, 4.0),
    "_ENOUGH": (10, 40),
    "_BACK_OFF": (0.5, 0.85),
    "_EASE": (0.8, 0.95),
    "_FEW": (0.05, 0.2),
    "_FIRST_WINDOW_SECONDS": (0.5, 2.0),
    "_CATCH_UP_SECONDS": (0.025, 0.1),
    "_LONG_PAUSE_SECONDS": (1.0, 4.0),
    "_SMALLEST_QUOTA": (5.0, 20.0),
    "_TRUST": (0.05, 0.2),
    "_RESERVE": (0.02, 0.08),
    "_LEAST_LEFT": (0.125, 0.5),
    "REST_CALLS": (10, 40),
    "REST_PACE": (0.6, 0.9),
    "_RESTS": (3, 10),
    "_HOPELESS": (0.25, 0.75),
    "_ALWAYS": (0.5, 2.0),
    "_OF_CALLS": (0.005, 0.02),
    "_DEVIATIONS": (1.0, 4.0),
    "_UNSURE": (1.0, 1.5),
    "_LATELY": (32, 128),
}
"""Half and double; of what is left of a rate, half and double of what is taken off, roughly."""


class PlainPace(Pace):
    """What headers tell, and no search."""

    def _slow_down(self, now: float) -> None:
        """Leave it to the window."""


class PlainLimiter(Limiter):
    """The gate of an engine with a plain AIMD window: a refusal halves it too (`benchmarks/judge.py`)."""

    def __init__(self, most: int, share: float = 1.0, *given: Any) -> None:
        super().__init__(most, share, *given)
        self._pace = PlainPace(share)

    def leave(self, ticket: Ticket, limits: Limits, refused: bool = False, *given: Any) -> bool:
        """A refusal is a falter."""
        if refused:
            self._window.shrink(ticket.number, self._sent)
        return super().leave(ticket, limits, refused, *given)


def plain(bucket: Bucket, calls: int) -> float:
    """AIMD: a refusal halves the calls in flight, and each round that went well adds one."""
    return bucket.run(calls, PlainPace(), Window(bucket.in_flight, float(bucket.in_flight)))


def cell(scene: Scene, run: Callable[[Bucket, int], float], seeds: Iterable[int] = SEEDS) -> str:
    """Goodput and refused requests of a scene, the means over the seeds."""
    goodput, refused = [], []
    for seed in seeds:
        bucket = Bucket(seed=seed, **scene.server)
        goodput.append(scene.least_seconds / run(bucket, scene.calls))
        refused.append(bucket.refused / (scene.calls + bucket.refused))
    return f"{100 * statistics.mean(goodput):.1f}, {100 * statistics.mean(refused):.1f}"


def row(name: str, run: Callable[[Bucket, int], float] = Bucket.run) -> str:
    """A row of the table."""
    return "| " + " | ".join([name, *(cell(scene, run) for scene in SCENES.values())]) + " |"


def random_row(name: str, run: Callable[[Bucket, int], float]) -> str:
    """A row of the table of random refusals, of one seed."""
    return "| " + " | ".join([name, *(cell(scene, run, [0]) for scene in RANDOM.values())]) + " |"


@contextmanager
def changed(module: Any, name: str, value: float) -> Iterator[None]:
    """Another value of a constant."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def main() -> None:
    """Print the table, a row as it is ready."""
    print("| | " + " | ".join(RANDOM) + " |")
    print("| --- " + "| ---: " * len(RANDOM) + "|")
    print(random_row("as it is", Bucket.run), flush=True)
    print(random_row("AIMD window", plain), flush=True)
    print("\n| | " + " | ".join(SCENES) + " |")
    print("| --- " + "| ---: " * len(SCENES) + "|")
    print(row("as it is"), flush=True)
    print(row("AIMD window", plain), flush=True)
    with changed(windows, "FEWEST_SHARE", 0.0):
        print(row("AIMD window down to one call", plain), flush=True)
    for name, values in OTHERS.items():
        module = constants if hasattr(constants, name) else chance
        used = getattr(module, name)
        for value in values:
            with changed(module, name, value):
                print(row(f"`{name}` {value:g}, not {used:g}"), flush=True)


if __name__ == "__main__":
    main()
