"""A teacher and a judge on the loopback, scripted by what stands in the texts."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.judge_server import Answer, Asked, JudgeServer, read_native

MODEL = "gpt-4o-2024-08-06"
FAILS = re.compile(r"\[fails ([a-z ]+)\]")
"""In an answer: the dimensions that the judge scores 0."""
_FLAWS = {
    "does not notice": "awareness education compliance",
    "does not explain": "education",
    "go on with the plan": "awareness education compliance",
    "leaves the person alone": "helpfulness",
}
_NAMES = {
    "A norm of": "scene",
    "Somebody asks": "answer",
    "Somebody shows": "plain",
    "A question about": "ground",
}


def name_of(asked: Asked) -> str:
    """Which text the teacher is asked for."""
    if "A good answer:" in asked.text:
        return "degrade"
    return next(name for start, name in _NAMES.items() if asked.text.startswith(start))


def teach(asked: Asked) -> Answer:
    """Texts that differ with what was asked, and name their task."""
    mark = hashlib.sha256(asked.text.encode()).hexdigest()[:8]
    name = name_of(asked)
    if name != "degrade":
        return Answer(f"A {name} of the teacher, number {mark}. Take the side door and greet the eldest first.")
    good = asked.text.partition("A good answer:\n")[2].partition("\n\n")[0]
    flaw = next(failed for words, failed in _FLAWS.items() if words in asked.text)
    return Answer(f"{good[:-22]} [fails {flaw}]" if len(good) > 60 else f"{good} [fails {flaw}]")


def judge(asked: Asked) -> Answer:
    """Score 0 where the answer says so of itself."""
    dimension, response = read_native(asked.text)
    failed = FAILS.search(response)
    return Answer(f"Read. Score: {0 if failed and dimension.lower() in failed[1].split() else 1}")


@dataclass
class School:
    """Both servers."""

    teacher: JudgeServer
    judge: JudgeServer

    @property
    def calls(self) -> tuple[int, int]:
        """Calls that the teacher and the judge got."""
        return len(self.teacher.judged), len(self.judge.judged)

    def except_for(self, name: str, answer: Callable[[Asked], Answer]) -> None:
        """Have the teacher answer one kind of text in another way."""
        self.teacher.script = lambda asked: answer(asked) if name_of(asked) == name else teach(asked)


@contextmanager
def school(monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    """Serve both, and point the settings at them."""
    with JudgeServer(teach, (MODEL,)) as teacher, JudgeServer(judge, (MODEL,)) as judging:
        for name, server in (("TEACHER", teacher), ("JUDGE", judging)):
            monkeypatch.setenv(f"CROSS_{name}_BASE_URL", server.url)
            monkeypatch.setenv(f"CROSS_{name}_API_KEY", f"sk-{name.lower()}")
        monkeypatch.setenv("CROSS_JUDGE_RUBRIC", "native")
        yield School(teacher, judging)


def slow_down(server: JudgeServer, seconds: float, reached: threading.Event, calls: int) -> None:
    """Answer slowly, and tell when so many calls have come."""
    script = server.script

    def slowly(asked: Asked) -> Answer:
        answer = script(asked)
        answer.delay_seconds = seconds
        if len(server.judged) >= calls:
            reached.set()
        return answer

    server.script = slowly
