"""Documents of `compare --json` and `report --json` and what can go wrong with one, one thing at a time."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "fixtures" / "schemas_0_1"
"""`<kind>.json`: documents that the tests' runs wrote. `<kind>.accepted.json`: the changed ones that the schemas of
0.1, written by hand, let through; all others they refused."""
TRIED = 300
"""Changed documents of a kind that are tried, drawn with a fixed seed from some 2,900."""
WRONG: dict[type, tuple[Any, ...]] = {
    str: (None, 7, ["a"], "off the menu"),
    bool: (None, 0, "yes"),
    int: (None, True, "7", -1, 0.5, 1000),
    float: (None, True, "7", -1.5, 1.5, 1000.5),
    list: (None, {}, "a", []),
    dict: (None, [], "a", {}),
    type(None): (0, 0.5, "a", True, {}, []),
}
"""By the type of a value, what it is replaced by: another type, null, off the menu, out of range."""
Step = str | int


def documents(kind: str) -> list[dict[str, Any]]:
    """The valid documents of a kind, `compare` or `report`."""
    read: list[dict[str, Any]] = json.loads((CORPUS / f"{kind}.json").read_text(encoding="utf-8"))
    return read


def accepted(kind: str) -> set[str]:
    """Names of the changed documents among those tried that the hand-written schema let through."""
    return set(json.loads((CORPUS / f"{kind}.accepted.json").read_text(encoding="utf-8")))


def drawn(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The changed documents that are tried, by name; always the same ones."""
    return random.Random(12).sample(list(mutations(kind)), TRIED)


def mutations(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every document that is changed, perhaps for the worse, in one place."""
    for number, document in enumerate(documents(kind)):
        for path in _paths(document):
            for name, changed in _changed(document, path):
                yield f"{number}:{'/'.join(map(str, path))}: {name}", changed


def _paths(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The place of every value, the whole first."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _paths(inner, (*path, step))


def _changed(document: dict[str, Any], path: tuple[Step, ...]) -> Iterator[tuple[str, Any]]:
    value = _at(document, path)
    if path:
        yield "dropped", _without(document, path)
        for other in WRONG[type(value)]:
            yield f"{json.dumps(other)}", _with(document, path, other)
    if isinstance(value, dict):
        yield "another key", _with(document, (*path, "unforeseen"), 1)
    if isinstance(value, list) and value:
        yield "eleven times", _with(document, path, value[:1] * 11)


def _at(value: Any, path: tuple[Step, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(document: dict[str, Any], path: tuple[Step, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _without(document: dict[str, Any], path: tuple[Step, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    del _at(changed, path[:-1])[path[-1]]
    return changed
