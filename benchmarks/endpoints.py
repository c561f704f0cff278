"""What comes of the ways in which endpoints answer: python -m benchmarks.endpoints [--answers 12] [SCENE ...].

Each scene (`tests/scenes.py`) is a judge on the loopback; a run of that many answers is judged through the same door as
`lmms-eval-cross judge`, probe and picture included. Prints a Markdown table; docs/judging.md has one.
"""

import argparse
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from tqdm import tqdm

from lmms_eval_cross.benchmark.records import DIMENSIONS, Verdict
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, JudgeServer
from tests.judging import job
from tests.scenes import GOOD, SCENES, Scene, always, says

BLIND: Final = "a server that drops pictures"
_WELL, _OTHER, _DOWN = says(GOOD), says("It breaks the norm.\n\nScore: 0"), Answer(status=400)
PANELS: Final[dict[str, tuple[Answer, ...]]] = {
    "a panel of three that agree": (_WELL, _WELL, _WELL),
    "a panel of three, one differs": (_WELL, _WELL, _OTHER),
    "a panel of three, one is down": (_WELL, _WELL, _DOWN),
    "a panel of three, one is down and two differ": (_WELL, _OTHER, _DOWN),
    "a panel of three, two are down": (_WELL, _DOWN, _DOWN),
    "a panel of two that differ": (_WELL, _OTHER),
}
"""What each member answers, always."""
_MORE: Final[dict[str, Scene]] = {"a judge in good order": Scene(always(says(GOOD)), "scored")}


@dataclass(frozen=True)
class Row:
    """What came of a scene."""

    scored: int
    failed: Counter[str]
    requests: float
    """A verdict or failure; of verdict calls alone."""
    sentence: str
    """The first that was said on the way."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", help="some scenes alone")
    parser.add_argument("--answers", type=int, default=12)
    arguments = parser.parse_args()
    scenes = {**_MORE, **SCENES}
    names = arguments.scenes or [*scenes, BLIND, *PANELS]
    print("| scene | scored | failed | requests a verdict | said |\n|---|--:|---|--:|---|")
    for name in tqdm(names, file=sys.stderr, disable=None):
        row = _row_of(name, scenes, arguments.answers)
        failed = ", ".join(f"{reason} {count}" for reason, count in sorted(row.failed.items()))
        print(f"| {_cell(name)} | {row.scored} | {failed} | {row.requests:.2f} | {_cell(row.sentence)} |", flush=True)


def _row_of(name: str, scenes: Mapping[str, Scene], answers: int) -> Row:
    if name == BLIND:
        return _blind()
    if name not in PANELS:
        return _row(scenes[name], answers)
    with _panel(PANELS[name]) as servers:
        return _judged(servers, answers)


def _row(scene: Scene, answers: int) -> Row:
    with JudgeServer(scene.answer) as server, _settings(server, scene.profile):
        return _judged([server], answers)


@contextmanager
def _panel(said: Sequence[Answer]) -> Iterator[list[JudgeServer]]:
    """A member a server, in force."""
    with ExitStack() as stack:
        servers: list[JudgeServer] = []
        for answer in said:
            servers.append(stack.enter_context(JudgeServer(always(answer), (f"judge{len(servers)}",))))
        stack.enter_context(_settings(servers[0], "official"))
        os.environ["CROSS_JUDGE_PANEL"] = ",".join(server.models[0] for server in servers if server.models)
        for place, server in enumerate(servers):
            own = {"MODEL": f"judge{place}", "BASE_URL": server.url, "API_KEY": "none"}
            os.environ |= {f"CROSS_PANEL_JUDGE{place}_{setting}": value for setting, value in own.items()}
        yield servers


def _judged(servers: Sequence[JudgeServer], answers: int) -> Row:
    """The judge in force, asked; requests count those to all servers."""
    said = io.StringIO()
    with redirect_stderr(said), open_judging(load_settings()) as judging:
        outcomes = judging.ask([job(f"Answer {number}.") for number in range(answers)])
    each = [outcome for of_answer in outcomes for outcome in of_answer.values()]
    failures = [outcome for outcome in each if not isinstance(outcome, Verdict)]
    judged = chain.from_iterable(server.judged for server in servers)
    calls = [asked for asked in judged if isinstance(asked.body["messages"][-1]["content"], list)]
    first = failures[0].detail if failures else _first_line(said.getvalue())
    scored, reasons = len(each) - len(failures), Counter(failure.reason for failure in failures)
    return Row(scored, Counter(map(str, reasons.elements())), len(calls) / (answers * len(DIMENSIONS)), first)


def _blind() -> Row:
    """The judging does not begin."""
    with JudgeServer(lambda _: Answer("It shows a cat.")) as server, _settings(server, "official"):
        server.sees = False
        try:
            open_judging(load_settings()).close()
        except JudgeSetupError as error:
            return Row(0, Counter(), 0, str(error).replace(server.host, "HOST"))
    return Row(0, Counter(), 0, "nothing")


@contextmanager
def _settings(server: JudgeServer, profile: str) -> Iterator[None]:
    """The environment of one run, with a ledger of its own."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "CROSS_HOME": str(Path(home)),
            "CROSS_JUDGE_BASE_URL": server.url,
            "CROSS_JUDGE_API_KEY": "none",
            "CROSS_JUDGE_PROFILE": profile,
        }
        try:
            yield
        finally:
            os.environ.clear()
            os.environ |= kept


def _first_line(text: str) -> str:
    told = [line for line in text.splitlines() if line.startswith("lmms-eval-cross:")]
    return told[0].removeprefix("lmms-eval-cross: ") if told else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


if __name__ == "__main__":
    main()
