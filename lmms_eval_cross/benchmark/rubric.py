"""The rubric: what the judge is told, and the official one, read from the user's copy of CROSS, which is never run."""

import ast
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.benchmark.records import OFFICIAL_NAMES, Dimension
from lmms_eval_cross.errors import RubricError
from lmms_eval_cross.settings import RubricName

FIELDS: Final = ("user_query", "violated_norm", "model_output", "prompt")
"""The names that the user message is filled with, as the official f-string spells them."""
_HALF: Final = re.compile("[\\ud800-\\udfff]")
_EXPECTED: Final = (
    "expected the released file: SYSTEM_PROMPT (a string), DIMENSION_PROMPTS (a dict of the strings "
    + ", ".join(OFFICIAL_NAMES)
    + ") and one f-string over "
    + ", ".join(FIELDS)
    + " in evaluate_cultural_safety; set CROSS_JUDGE_RUBRIC=native to judge with our own"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the user message: a text, or the name of what is filled in there."""

    text: str = ""
    field: str = ""

    def filled(self, values: Mapping[str, str]) -> str:
        """The text, or what `values` has for the field."""
        if self.field:
            return values[self.field]
        return self.text


@dataclass(frozen=True, slots=True)
class Rubric:
    """System prompt, a prompt for each dimension, and the layout of the user message."""

    name: RubricName
    sha256: str
    """Of the file that it was read from, byte for byte: the rubric's version."""
    system: str
    prompts: dict[Dimension, str]
    parts: tuple[Part, ...]
    violation: bool
    """The compliance prompt scores a breach: 1 is bad, and compliance is 1 - score."""

    def user_text(self, dimension: Dimension, query: str, norm: str, response: str) -> str:
        """The text of the user message, filled in once, so that nothing in a value is filled in again."""
        values = {
            "user_query": query,
            "violated_norm": norm,
            "model_output": response,
            "prompt": self.prompts[dimension],
        }
        return "".join(part.filled(values) for part in self.parts)

    def score(self, dimension: Dimension, number: int) -> int:
        """The dimension's score, 1 being good, for the number that the judge gave."""
        if self.violation and dimension == "compliance":
            return 1 - number
        return number

    def to_json(self) -> str:
        """The rubric as prepared data keep it."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Rubric":
        """The rubric of prepared data."""
        raw = json.loads(text)
        raw["parts"] = tuple(Part(**part) for part in raw["parts"])
        return cls(**raw)


def read_official_rubric(path: Path) -> Rubric:
    """The rubric of the official `code/evaluation.py`, read from its syntax tree; the file is never run.

    Raises:
        RubricError: the file has another shape than the released one.
    """
    data = path.read_bytes()
    tree = _parse(data, path)
    prompts = _constant(tree, "DIMENSION_PROMPTS", path)
    if not isinstance(prompts, Mapping) or set(prompts) != set(OFFICIAL_NAMES):
        raise RubricError(f"DIMENSION_PROMPTS in {path.name} names other dimensions; {_EXPECTED}.")
    rubric = Rubric(
        name="official",
        sha256=hashlib.sha256(data).hexdigest(),
        system=_text(_constant(tree, "SYSTEM_PROMPT", path), "SYSTEM_PROMPT", path),
        prompts={OFFICIAL_NAMES[name]: _text(prompts[name], name, path) for name in OFFICIAL_NAMES},
        parts=_template(tree, path),
        violation=True,
    )
    if _HALF.search(rubric.to_json()):
        raise RubricError(f"A text in {path.name} holds half a character, which can't be sent; {_EXPECTED}.")
    return rubric


def _parse(data: bytes, path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # Python warns of escapes such as `\d`; the file is the user's copy and not to be mended.
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RubricError(f"{path.name} is not valid Python ({error}); {_EXPECTED}.") from None


def _constant(tree: ast.Module, name: str, path: Path) -> Any:
    """The value that a module constant ends up with: its last assignment."""
    for node in reversed(tree.body):
        if name in _assigned_names(node):
            try:
                return ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except (ValueError, TypeError):
                raise RubricError(f"{name} in {path.name} is not a plain constant; {_EXPECTED}.") from None
    raise RubricError(f"{name} is missing in {path.name}; {_EXPECTED}.")


def _assigned_names(node: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _text(value: object, name: str, path: Path) -> str:
    if not isinstance(value, str):
        raise RubricError(f"{name} in {path.name} is a {type(value).__name__}, not a string; {_EXPECTED}.")
    return value


def _template(tree: ast.Module, path: Path) -> tuple[Part, ...]:
    """The f-string that is filled with all four fields, the only one there may be."""
    fitting: list[tuple[Part, ...]] = []
    for node in _plain_f_strings(tree):
        parts = _parts(node)
        if {part.field for part in parts} - {""} == set(FIELDS):
            fitting.append(parts)
    if len(fitting) != 1:
        raise RubricError(f"{path.name} has {len(fitting)} f-strings over the four fields; {_EXPECTED}.")
    return fitting[0]


def _plain_f_strings(tree: ast.Module) -> Iterator[ast.JoinedStr]:
    """The f-strings that are sent as they stand: not stripped, dedented, joined or printed."""
    for parent in ast.walk(tree):
        if isinstance(parent, ast.Call | ast.Attribute | ast.BinOp | ast.Subscript):
            continue
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.JoinedStr):
                yield node


def _parts(node: ast.JoinedStr) -> tuple[Part, ...]:
    """The pieces of an f-string; none at all if one of them is more than a text or a bare name."""
    parts: list[Part] = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(Part(text=str(value.value)))
        elif (
            isinstance(value, ast.FormattedValue)
            and isinstance(value.value, ast.Name)
            and value.conversion == -1
            and value.format_spec is None
        ):
            parts.append(Part(field=value.value.id))
        else:
            return ()
    return tuple(parts)
