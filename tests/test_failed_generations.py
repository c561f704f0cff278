"""Failures that lmms-eval's model classes hand over as answers: all that the installed version writes are known."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmms_eval_cross.runs.failed_generations import failed_generation

NO_ANSWERS = {
    ("idefics2.py", "eager"),
    ("illume_plus.py", "sdpa"),
    ("illume_plus.py", "eager"),
    ("mantis.py", "eager"),
    ("async_openai.py", "unknown error"),
    ("gemini.py", "unknown error"),
    ("openai.py", "unknown error"),
    ("gpt4o_audio.py", "[AUDIO_DATA_TRUNCATED_x_BYTES]"),
    ("cosmos_wm.py", "error"),
    ("xcomposer2_4KHD.py", "[UNUSED_TOKEN_146]user\nx[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n"),
}
"""Strings that look like a failure and go elsewhere: settings, prompts, the middle of a message; read one by one."""
LOOKS_FAILED = re.compile(r"^\[[A-Z_]{3,}|fail|error|block(?!s)|exceeded|can ?not |unable", re.IGNORECASE)


def model_files() -> Iterator[Path]:
    spec = importlib.util.find_spec("lmms_eval")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    models = Path(spec.submodule_search_locations[0]) / "models"
    for folder in ("chat", "simple"):
        yield from sorted((models / folder).glob("*.py"))


def text_of(node: ast.expr) -> str | None:
    """A string as written, each value in an f-string an x."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
    return None


def handed_over(node: ast.AST) -> ast.expr | None:
    """What a statement or call returns, assigns or appends."""
    if isinstance(node, ast.Return | ast.Assign | ast.AugAssign):
        return node.value
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return None
    return node.args[0] if node.func.attr in ("append", "extend") else None


def texts_in(value: ast.expr) -> Iterator[str]:
    """The strings that a value is, or is made of: of tuples, lists, choices, and a GenerationResult's text."""
    text = text_of(value)
    if text is not None:
        yield text
        return
    parts: list[ast.expr] = []
    if isinstance(value, ast.Tuple | ast.List):
        parts = value.elts
    elif isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        parts = value.values
    elif isinstance(value, ast.BinOp):
        parts = [value.left]
    elif isinstance(value, ast.Call):
        parts = [keyword.value for keyword in value.keywords if keyword.arg == "text"]
    for part in parts:
        yield from texts_in(part)


def suspects(file: Path) -> Iterator[str]:
    """What a model class hands over while it handles an exception, or anywhere if it reads like a failure."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    handling = {id(node) for handler in handlers for node in ast.walk(handler)}
    for node in ast.walk(tree):
        value = handed_over(node)
        for text in texts_in(value) if value is not None else ():
            if text and (id(node) in handling or LOOKS_FAILED.search(text)):
                yield text


@pytest.mark.long
def test_every_failure_that_the_installed_lmms_eval_writes_is_no_answer() -> None:
    unknown, known = [], set()
    for file in model_files():
        for text in suspects(file):
            written = text.replace("Error: x", 'Error: can only concatenate str (not "NoneType") to str')
            if (file.name, text) in NO_ANSWERS or len(text) > 200:  # prompts are as long
                continue
            if failed_generation(written) is None:
                unknown.append((file.name, text))
            known.add((file.name, text))
    assert not unknown, "read what becomes of these, then add a marker or a row above"
    assert len(known) > 20, "the model classes are no longer where this looks for them"


@pytest.mark.parametrize(
    "text",
    [
        "[SAFETY_BLOCKED:finish_reason=FinishReason.MAX_TOKENS]",
        "[SAFETY_BLOCKED:finish_reason=SAFETY,HARM_CATEGORY_DANGEROUS_CONTENT=HIGH]",
        'Error: can only concatenate str (not "NoneType") to str',
        "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Error code: 429 - ...",
        "[LMMS_EVAL_BUDGET_EXCEEDED]",
        "[GENERATION_FAILED] out of memory",
        "[ERROR] Empty prompt",
        "Batch failed",
        "Video /data/a.mp4 can not load, check the source",
        "Can not infer the answer.",
        "<analysis>The picture shows",
        "",
        "None",
    ],
)
def test_a_mark_of_a_failure_is_no_answer(text: str) -> None:
    assert failed_generation(text)


@pytest.mark.parametrize(
    "text",
    [
        "Error bars aside, I would take the plain box.",
        "I can not infer the answer. Ask the hosts.",
        "Blocked shops are marked [ERROR] on the map; go to the other one.",
        "The batch failed to arrive, so bring tea.",
        "None of these: white flowers are for funerals there.",
    ],
)
def test_an_answer_with_such_words_is_one(text: str) -> None:
    assert failed_generation(text) is None
