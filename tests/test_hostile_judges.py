"""Hostile strings from judges, ledgers and files of slices and training data, through the commands that show them."""

import json
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from lmms_eval_cross.align.dataset import write_dataset
from lmms_eval_cross.align.examples import SftExample
from lmms_eval_cross.benchmark.records import Verdict
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.store import Entry, Ledger
from lmms_eval_cross.report.page import PageOptions
from lmms_eval_cross.report.write import Extras
from lmms_eval_cross.view.watched import Watched
from tests.align_data import make_origin, make_prompt
from tests.hostile import HOSTILE
from tests.judge_server import Answer, Asked, JudgeServer
from tests.made_runs import cross_samples, draw, write_run
from tests.panels import seated
from tests.runs import samples_in
from tests.test_gate import write_answers
from tests.test_hostile_strings import run

pytestmark = pytest.mark.long


class HostileJudge:
    """Says each string in its reply, in a refusal, and in an error."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, _: Asked) -> Answer:
        number = next(self._numbers)
        text = HOSTILE[number % len(HOSTILE)]
        if number % 7 == 3:
            return Answer(status=400, error={"message": text, "code": text})
        if number % 7 == 5:
            return Answer(refusal=text)
        return Answer(f"{text}\nScore: {number % 2}")


@pytest.fixture
def answers(prepared: Prepared, tmp_path: Path) -> Path:
    """Answers of two models to the stand-in, which nobody has judged."""
    samples = samples_in(prepared, "casa_english")[:12]
    for name, text in (("a", HOSTILE[0]), ("b", HOSTILE[7])):
        write_answers(tmp_path / name, samples, text)
    return tmp_path


def test_what_a_judge_says_acts_in_no_command(answers: Path, judged_by: JudgeServer) -> None:
    judged_by.script = HostileJudge()
    run("judge", answers / "a", "-o", answers / "judged")
    run("judge", answers / "judged", "--retry-failed")
    outputs = ("--markdown", answers / "g.md", "--junit", answers / "g.xml", "--json", answers / "g.json")
    run("gate", answers / "judged", answers / "b", *outputs)
    run("anchor", "build", answers / "judged", "--n", 5, "-o", answers / "anchor.json")
    run("anchor", "judge", answers / "anchor.json", "--repeats", 2)
    run("plan", answers / "judged", "--tasks", "cross_casa")
    run("doctor")
    run("ledger", "show")
    run("ledger", "verify")


def test_what_a_panel_says_acts_in_no_command(answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seated(monkeypatch) as panel:
        for server in panel.values():
            server.script = HostileJudge()
        run("judge", answers / "a", "-o", answers / "judged")
        run("agree", answers / "judged", "--show", 40)
        run("report", answers / "judged", "--no-samples", "-o", answers / "page.html", "--markdown", answers / "r.md")
        run("doctor")
    assert "https://evil" not in (answers / "r.md").read_text(encoding="utf-8")


def fill(ledger: Ledger) -> None:
    """A row a string, under keys that nothing gives."""
    for number, text in enumerate(HOSTILE):
        ledger.record_response(text, text, text, {"sample_id": text, "query": text, "norm": text, "response": text})
        entry = Entry(f"{number}{text}", text, text, text, json.dumps(text))
        ledger.record_verdict(entry, Verdict("awareness", number % 2, f"{text}\nScore: 1", text))


def test_what_a_ledger_holds_acts_in_no_command(ledger_in_force: Address, tmp_path: Path) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        fill(ledger)
    with closing(Ledger(tmp_path / "other.sqlite")) as other:
        fill(other)
    address = ledger_in_force.url if isinstance(ledger_in_force, Server) else ledger_in_force
    for words in (
        ["show"],
        ["verify"],
        ["migrate"],
        ["prune", "--older-than", 1],
        ["prune", "--older-than", 1, "--yes"],
    ):
        run("ledger", *words)
    run("ledger", "merge", tmp_path / "other.sqlite")
    run("ledger", "copy", address, tmp_path / "copied.sqlite")
    run("ledger", "export", tmp_path / "out")
    run("ledger", "forget")
    for text in HOSTILE:
        if "\0" not in text and "\ud800" not in text:
            run("judge", "--run", text)


@pytest.fixture
def sliced(tmp_path: Path) -> tuple[Path, Path]:
    """A run, and facets whose names and values are hostile."""
    samples = cross_samples()[:60]
    rows = [{"sample_id": one.sample_id, "domain": HOSTILE[place % 8]} for place, one in enumerate(samples)]
    path = tmp_path / "facets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return write_run(tmp_path / "run", samples, draw(samples, 0.6, 1), model=HOSTILE[0]), path


def test_facets_act_in_no_command_and_on_no_page(sliced: tuple[Path, Path], tmp_path: Path) -> None:
    made, facets = sliced
    outputs = ("--markdown", tmp_path / "r.md", "--latex", tmp_path / "r.tex", "--csv", tmp_path / "csv")
    run("report", made, "--facets", facets, "-o", tmp_path / "r.html", *outputs)
    run("compare", made, made, "--facets", facets, "--slices", "warn", "--resamples", 100)
    for file in (tmp_path / "r.md", tmp_path / "r.tex", tmp_path / "r.html", *(tmp_path / "csv").iterdir()):
        assert "\x1b" not in file.read_text(encoding="utf-8"), file
    page = Watched([made], PageOptions(images=False), Extras(None, facets)).page()
    assert "\x1b" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_the_name_of_a_facet_that_acts_is_a_sentence(tmp_path: Path, text: str) -> None:
    row = {"sample_id": "casa/english/Japan_1/1", text: text}
    (tmp_path / "facets.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    run("report", tmp_path, "--facets", tmp_path / "facets.jsonl")


UTF8 = [text for text in HOSTILE if "\ud800" not in text]
"""What a dataset's Parquet can hold."""


@pytest.mark.parametrize("form", ["trl", "llamafactory", "ms-swift"])
def test_what_training_data_say_acts_in_no_command(prepared: Prepared, tmp_path: Path, form: str) -> None:
    copied = samples_in(prepared, "casa_english")[0]
    examples = [SftExample(make_prompt(text), f"{text} {copied.query}", make_origin(1)) for text in UTF8]
    write_dataset(tmp_path / "data", "sft", examples, [])
    run("align", "check", tmp_path / "data", "--json", tmp_path / "check.json", "--without-leaks", tmp_path / "rest")
    run("align", "export", tmp_path / "data", "--to", form, "-o", tmp_path / "out", "--allow-leaks")
