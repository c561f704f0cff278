"""The rubric is read from the user's file, and never run."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.benchmark.rubric import Rubric, read_official_rubric
from lmms_eval_cross.errors import RubricError
from tests.standin import JUDGE

OFFICIAL: dict[Dimension, str] = {
    "awareness": "Awareness",
    "education": "Education",
    "compliance": "Violation",
    "helpfulness": "Helpfulness",
}
VALUES = {"user_query": "{prompt} Q {}", "violated_norm": "{0} N", "model_output": "{user_query} {{R}} %s \\n \u0130"}


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "evaluation.py"
        path.write_bytes(text.encode())
        return path

    return write


def executed_user_text(source: str, dimension: str, **values: str) -> str:
    """What the official f-string gives: its own code, evaluated by Python."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    (template,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) and "model_output" in ast.unparse(node)
    )
    code = compile(ast.Expression(template), "evaluation.py", "eval")
    return str(eval(code, {**values, "prompt": constants["DIMENSION_PROMPTS"][dimension]}))


def assert_as_executed(path: Path) -> None:
    rubric, source = read_official_rubric(path), path.read_text(encoding="utf-8")
    for dimension, name in OFFICIAL.items():
        told = rubric.user_text(dimension, VALUES["user_query"], VALUES["violated_norm"], VALUES["model_output"])
        assert told == executed_user_text(source, name, **VALUES)


FIELDS = "{user_query}{violated_norm}{model_output}{prompt}"
HEAD = 'SYSTEM_PROMPT = "s"\n'
HEAD += 'DIMENSION_PROMPTS = {"Awareness": "a", "Education": "e", "Violation": "v", "Helpfulness": "h"}\n'


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:", "is not valid Python"),
        ("x = '\0'", "is not valid Python"),
        (HEAD.replace("SYSTEM_PROMPT", "SYSTEM") + f'x = f"{FIELDS}"', "SYSTEM_PROMPT is missing"),
        (HEAD.replace('"s"', "3") + f'x = f"{FIELDS}"', "SYSTEM_PROMPT in evaluation.py is a int, not a string"),
        (HEAD.replace('"s"', "open('x').read()") + f'x = f"{FIELDS}"', "SYSTEM_PROMPT .* is not a plain constant"),
        (HEAD.replace('"a"', "{[]: 1}") + f'x = f"{FIELDS}"', "DIMENSION_PROMPTS .* is not a plain constant"),
        (HEAD.replace('"a"', "1") + f'x = f"{FIELDS}"', "Awareness in evaluation.py is a int, not a string"),
        (HEAD.replace('"Violation"', '"Compliance"'), "names other dimensions"),
        (HEAD.replace('"Awareness": "a", ', ""), "names other dimensions"),
        ('SYSTEM_PROMPT = "s"\nDIMENSION_PROMPTS: dict', "is not a plain constant"),
        ('SYSTEM_PROMPT = "s"\nDIMENSION_PROMPTS = ["Awareness"]', "names other dimensions"),
        ('SYSTEM_PROMPT = "s"', "DIMENSION_PROMPTS is missing"),
        (HEAD, "has 0 f-strings over the four fields"),
        (HEAD + f'x = f"{FIELDS}"\ny = f"{FIELDS}"', "has 2 f-strings"),
        (HEAD + f'x = f"{FIELDS}{{language}}"', "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}"'.replace("{prompt}", ""), "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}"'.replace("{prompt}", "{prompt.strip()}"), "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}"'.replace("{prompt}", "{prompt!r}"), "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}"'.replace("{prompt}", "{prompt:>9}"), "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}".strip()', "has 0 f-strings"),
        (HEAD + f'x = textwrap.dedent(f"{FIELDS}")', "has 0 f-strings"),
        (HEAD + f'x = f"{FIELDS}" + "more"', "has 0 f-strings"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_what_was_expected(
    written: Callable[[str], Path], source: str, said: str
) -> None:
    with pytest.raises(RubricError, match=f"{said}.*expected the released file: .*CROSS_JUDGE_RUBRIC=native"):
        read_official_rubric(written(source))


def test_the_file_is_read_and_never_run(standin: Path) -> None:
    path = standin / "code" / "evaluation.py"
    with pytest.raises(RuntimeError, match="never run"):
        exec(compile(path.read_text().replace("import openai", ""), "evaluation.py", "exec"), {})
    assert read_official_rubric(path).name == "official"


def test_the_user_text_is_what_the_official_f_string_gives(standin: Path) -> None:
    assert_as_executed(standin / "code" / "evaluation.py")


def test_the_user_text_of_the_real_layout_is_what_its_f_string_gives(shared_data: Path) -> None:
    assert_as_executed(shared_data / "official_sample" / "code" / "evaluation.py")


@pytest.mark.parametrize(
    "edit",
    [
        lambda source: source.replace("\n", "\r\n"),
        lambda source: "\ufeff" + source,
        lambda source: source.replace("<<QUERY>>", "{prompt} \\x41 \\N{BULLET} ü"),
        lambda source: source.replace("def evaluate", "async def evaluate"),
        lambda source: source.replace('f"""', 'rf"""'),
    ],
)
def test_another_wording_or_spelling_of_the_file_is_read_as_python_reads_it(
    written: Callable[[str], Path], edit: Callable[[str], str]
) -> None:
    path = written(edit(JUDGE))
    rubric = read_official_rubric(path)
    source = path.read_bytes().decode("utf-8-sig")
    told = rubric.user_text("compliance", VALUES["user_query"], VALUES["violated_norm"], VALUES["model_output"])
    assert told == executed_user_text(source, "Violation", **VALUES)


def test_an_odd_escape_in_the_file_is_no_concern_of_the_user(written: Callable[[str], Path]) -> None:
    assert read_official_rubric(written(JUDGE.replace("<<SYSTEM>>", "\\d"))).system.count("\\d") == 1


def test_a_constant_has_the_value_of_its_last_assignment(written: Callable[[str], Path]) -> None:
    source = JUDGE.replace("raise RuntimeError", 'SYSTEM_PROMPT: str = "later"\nraise RuntimeError')
    assert read_official_rubric(written(source)).system == "later"


def test_braces_in_values_and_prompts_are_not_filled_in_again(standin: Path) -> None:
    text = read_official_rubric(standin / "code" / "evaluation.py").user_text("education", "{prompt}", "{}", "{{x}}")
    assert all(part in text for part in ("\n                        {prompt}\n", "{}", "{{x}}", "explained {why}?"))
    assert "{braces} stay" in text


def test_any_byte_of_the_file_makes_another_rubric(written: Callable[[str], Path]) -> None:
    first = read_official_rubric(written(JUDGE))
    second = read_official_rubric(written(JUDGE + "#"))
    assert first.sha256 != second.sha256
    assert (first.system, first.prompts, first.parts) == (second.system, second.prompts, second.parts)


def test_only_the_violation_question_is_turned_round(standin: Path) -> None:
    rubric = read_official_rubric(standin / "code" / "evaluation.py")
    assert {name: (rubric.score(name, 0), rubric.score(name, 1)) for name in DIMENSIONS} == {
        "awareness": (0, 1),
        "education": (0, 1),
        "compliance": (1, 0),
        "helpfulness": (0, 1),
    }


def test_prepared_data_keep_the_rubric_whole(standin: Path) -> None:
    rubric = read_official_rubric(standin / "code" / "evaluation.py")
    assert Rubric.from_json(rubric.to_json()) == rubric
