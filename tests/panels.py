"""Panels of judges on the loopback: a server each, and the settings that seat them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer, score_of

NAMES = ("ann", "bob", "cyd", "dan")


def other_way_round(asked: Asked) -> Answer:
    """A judge who never agrees with the one whose script is the default."""
    return Answer(f"I see it otherwise.\nScore: {1 - score_of(asked.response, asked.dimension)}")


def model_of(name: str) -> str:
    """What a member's server serves."""
    return f"judge-{name}"


@contextmanager
def seated(patch: pytest.MonkeyPatch, size: int = 3) -> Iterator[Mapping[str, JudgeServer]]:
    """A panel of servers by the members' names; all give the same verdicts until a script is changed."""
    with ExitStack() as stack:
        servers = {}
        for name in NAMES[:size]:
            servers[name] = stack.enter_context(JudgeServer(judge_by_answer, (model_of(name),)))
            seat(patch, name, servers[name].url)
        patch.setenv("CROSS_JUDGE_PANEL", ",".join(servers))
        yield servers


def seat(patch: pytest.MonkeyPatch, name: str, url: str) -> None:
    """The settings of a member."""
    own = {"MODEL": model_of(name), "BASE_URL": url, "API_KEY": "none"}
    for setting, value in own.items():
        patch.setenv(f"CROSS_PANEL_{name.upper()}_{setting}", value)


def asked_of(servers: Mapping[str, JudgeServer]) -> dict[str, int]:
    """How many judge calls each member got."""
    return {name: len(server.judged) for name, server in servers.items()}
