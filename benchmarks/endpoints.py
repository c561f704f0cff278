"""What comes of the ways in which endpoints answer: python -m benchmarks.endpoints [--answers 12] [SCENE ...].

Each scene (`tests/scenes.py`) is a judge on the loopback; a run of that many answers is judged through the same door as
`lmms-eval-cross judge`, probe and picture included. Then two real servers, which `make servers` installs: litellm's
proxy in front of a judge of ours, and transformers serve with a model that says the same to everything. Prints a
Markdown table; docs/judging.md has one.
"""

import argparse
import io
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx2
from tqdm import tqdm

from benchmarks.real_servers import KEY, MODELS, SAME_REPLY, are_installed, behind, litellm_proxy, transformers_serve
from lmms_eval_cross.benchmark.records import Outcome, Verdict
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.sight import QUESTION
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
    names = arguments.scenes or [*scenes, BLIND, *PANELS, *REAL]
    print("| scene | scored | failed | requests a verdict | said |\n|---|--:|---|--:|---|")
    for name in tqdm([name for name in names if name not in REAL], file=sys.stderr, disable=None):
        _print_row(name, _row_of(name, scenes, arguments.answers))
    for name in [name for name in names if name in REAL]:
        if not are_installed():
            sys.exit("The real servers are left out: `make servers` installs them.")
        for scene, row in REAL[name](arguments.answers):
            _print_row(f"{name}: {scene}", row)


def _print_row(name: str, row: Row) -> None:
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
    outcomes, said = _outcomes(answers)
    judged = chain.from_iterable(server.judged for server in servers)
    calls = [asked for asked in judged if isinstance(asked.body["messages"][-1]["content"], list)]
    return _row_from(outcomes, len(calls), said)


def _outcomes(answers: int) -> tuple[list[Outcome], str]:
    """What came of so many answers, and what was said on the way."""
    said = io.StringIO()
    with redirect_stderr(said), open_judging(load_settings()) as judging:
        outcomes = judging.ask([job(f"Answer {number}.") for number in range(answers)])
    return [outcome for of_answer in outcomes for outcome in of_answer.values()], said.getvalue()


def _row_from(outcomes: Sequence[Outcome], calls: int, said: str) -> Row:
    failures = [outcome for outcome in outcomes if not isinstance(outcome, Verdict)]
    first = failures[0].detail if failures else _first_line(said)
    reasons = Counter(str(failure.reason) for failure in failures)
    return Row(len(outcomes) - len(failures), reasons, calls / len(outcomes), first)


def _blind() -> Row:
    """The judging does not begin."""
    with JudgeServer(lambda _: Answer("It shows a cat.")) as server, _settings(server, "official"):
        server.sees = False
        try:
            open_judging(load_settings()).close()
        except JudgeSetupError as error:
            return Row(0, Counter(), 0, str(error).replace(server.host, "HOST"))
    return Row(0, Counter(), 0, "nothing")


def _litellm(answers: int) -> Iterator[tuple[str, Row]]:
    """The proxy of litellm: what the server behind it does, a wrong key, and a model that it does not have."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(JudgeServer(partial(behind, {}), MODELS))
        url = stack.enter_context(litellm_proxy(server, Path(folder)))
        settings = {"BASE_URL": url, "API_KEY": KEY, "PATIENCE": "15"}
        for name in MODELS:
            profile = "joint" if name in {"joint", "no-schema"} else "official"
            yield name, _asked_for_real(server, profile, answers, **settings, MODEL=name)
        wrong = {**settings, "API_KEY": "sk-wrong"}
        yield "a wrong key", _asked_for_real(server, "official", 1, **wrong, MODEL="good")
        yield "no such model", _asked_for_real(server, "official", 1, **settings, MODEL="nobody")


def _transformers(answers: int) -> Iterator[tuple[str, Row]]:
    """Models behind transformers serve: one that takes pictures, and one whose pictures it drops."""
    from benchmarks.same_reply import write_blind, write_seeing  # torch takes its time

    for name, write in (("pictures are taken", write_seeing), ("pictures are dropped", write_blind)):
        with tempfile.TemporaryDirectory() as folder, JudgeServer() as unasked:
            model = write(Path(folder) / "model", SAME_REPLY)
            with transformers_serve(model, Path(folder)) as url:
                settings = {"BASE_URL": url, "MODEL": str(model)}
                yield name, _asked_for_real(unasked, "official", answers, **settings)
                yield f"{name}, sight assumed", _asked_for_real(unasked, "official", answers, **settings, SEES="assume")
                other = {**settings, "SEES": "assume", "MAX_TOKENS": "1"}
                yield f"{name}, sight assumed, one token", _asked_for_real(unasked, "official", answers, **other)
                joint = {**settings, "SEES": "assume"}
                yield f"{name}, sight assumed, joint", _asked_for_real(unasked, "joint", answers, **joint)
                no_model = {**settings, "MODEL": "nobody"}
                yield f"{name}, another model", _asked_for_real(unasked, "official", 1, **no_model)


REAL: Final = {"litellm's proxy": _litellm, "transformers serve": _transformers}


def _asked_for_real(server: JudgeServer, profile: str, answers: int, **changed: str) -> Row:
    """A row of a real server; requests are counted as our client sends them."""
    with _settings(server, profile, changed), _posted() as bodies:
        try:
            outcomes, said = _outcomes(answers)
        except JudgeSetupError as error:
            return Row(0, Counter(), 0, re.sub(r"(http://127.0.0.1:\d+|/\S*/model\S*\b)", "PLACE", str(error)))
    calls = [body for body in bodies if b"image_url" in body and QUESTION.encode() not in body]
    return _row_from(outcomes, len(calls), said)


@contextmanager
def _posted() -> Iterator[list[bytes]]:
    """The bodies that our client posts in the block; a real server keeps no log for us."""
    bodies: list[bytes] = []
    post = JudgeClient._post

    async def noted(client: JudgeClient, content: bytes) -> httpx2.Response:
        bodies.append(content)
        return await post(client, content)

    JudgeClient._post = noted  # type: ignore[method-assign]
    try:
        yield bodies
    finally:
        JudgeClient._post = post  # type: ignore[method-assign]


@contextmanager
def _settings(server: JudgeServer, profile: str, changed: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """The environment of one run, with a ledger of its own; `changed` are other settings of the judge."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "CROSS_HOME": str(Path(home)),
            "CROSS_JUDGE_BASE_URL": server.url,
            "CROSS_JUDGE_API_KEY": "none",
            "CROSS_JUDGE_PROFILE": profile,
            **{f"CROSS_JUDGE_{name}": value for name, value in changed.items()},
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
