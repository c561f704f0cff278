"""docs/judges.md, typed from top to bottom with two scripted judges on the loopback."""

import csv
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, OFFICIAL_NAMES, Sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.trust.anchor import load_anchor
from tests.command import cross
from tests.judge_server import Answer, Asked, JudgeServer
from tests.judged_runs import Rule, chance, noisy, provenance, write_run
from tests.runs import samples_in

pytestmark = pytest.mark.long

PAGE = Path(__file__).parent.parent / "docs" / "judges.md"
OLD_ID = "gpt-4o-2024-08-06"
TRUTH = chance("people", 0.5)
OLD, NEW = noisy(TRUTH, "old", 0.9, 0.95), noisy(TRUTH, "new", 0.85, 0.9)


def answer_of(sample: Sample) -> str:
    return f"For {sample.sample_id} take the plain one."


def scripted(rule: Rule, samples: dict[str, Sample]):
    """A judge that scores by a rule; the official rubric's violation is 1 - compliance."""

    def judge(asked: Asked) -> Answer:
        sample = samples[asked.response.split()[1]]
        dimension = OFFICIAL_NAMES[asked.dimension]
        score = rule(sample, dimension)
        assert score is not None
        return Answer(f"Score: {1 - score if dimension == 'compliance' else score}")

    return judge


@pytest.fixture
def samples(prepared: Prepared) -> dict[str, Sample]:
    return {each.sample_id: each for each in samples_in(prepared)}


@pytest.fixture
def servers(samples, monkeypatch) -> Iterator[tuple[JudgeServer, JudgeServer]]:
    """The old judge, which is in force, and the new one."""
    old = JudgeServer(scripted(OLD, samples), (OLD_ID,))
    new = JudgeServer(scripted(NEW, samples), ("new-judge",))
    with old, new:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", old.url)
        monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
        yield old, new


@pytest.fixture
def desk(tmp_path: Path, samples, monkeypatch) -> Path:
    """The folder where the page's commands are typed, with both runs and two people's labels."""
    sha256 = session.data_for("casa_english").rubric.sha256
    everything = list(samples.values())
    write_run(tmp_path / "runs" / "old", everything, OLD, provenance(OLD_ID, sha256), answer_of)
    write_run(
        tmp_path / "runs" / "new",
        everything,
        NEW,
        provenance("new-judge", sha256),
        lambda each: answer_of(each) + " Now.",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_labels(batch: Path, samples, name: str, rule: Rule) -> None:
    """What an annotator's page exports."""
    anchor = load_anchor(batch)
    with Path(f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["batch", "annotator", "sample_id", *DIMENSIONS, "note"])
        for item in anchor.items:
            labels = [rule(samples[item.sample_id], dimension) for dimension in DIMENSIONS]
            writer.writerow([anchor.id[:16], name, item.sample_id, *labels, ""])


def test_every_command_of_the_page_works_in_its_order(desk, samples, servers, monkeypatch):
    old, new = servers
    said: dict[str, str] = {}
    for line in re.findall(r"^    (\S.*)$", PAGE.read_text().partition("## 5.")[0], re.MULTILINE):
        said |= typed(line, new, monkeypatch)
    calls = 4 * len(samples)
    assert (len(old.judged), len(new.judged)) == (2 * calls, calls)
    dimensions = json.loads(Path("agreement.json").read_text())["dimensions"]
    expected = sum(OLD(each, "compliance") == NEW(each, "compliance") for each in samples.values()) / len(samples)
    assert dimensions["compliance"]["agreement"] == pytest.approx(expected)

    crossed = said["lmms-eval-cross compare runs/old runs/new --bridge bridge.json"]
    assert "Over a bridge: the baseline was judged by gpt-4o-2024-08-06" in crossed
    assert cross("compare", "runs/old", "runs/new").exit_code == 3

    for line in re.findall(r"^    (\S.*)$", PAGE.read_text().partition("## 5.")[2], re.MULTILINE):
        if "label import" in line and not Path("ann.csv").exists():
            write_labels(Path("labels/batch.json"), samples, "ann", TRUTH)
            write_labels(Path("labels/batch.json"), samples, "bob", noisy(TRUTH, "bob", 0.97, 0.97))
        said |= typed(line, new, monkeypatch)
    assert (
        "48 of 48 answers labelled by ann, bob."
        in said["lmms-eval-cross label import labels/batch.json ann.csv bob.csv"]
    )
    assert len(old.judged) == 2 * calls
    assert len(new.judged) == calls, "the ledger knows the labelled answers from the bridge"
    assert "| compliance |" in said["lmms-eval-cross label correct runs/old labels.json"]
    assert "compliance" in Path("report.html").read_text().partition('<table class="corrected">')[2]
    crossed += said["lmms-eval-cross compare runs/old runs/new --bridge bridge.json --labels labels-new.json"]
    assert "Rogan-Gladen" in crossed
    assert "not set over the bridge" in " ".join(crossed.split())
    assert "The labels are of other answers" in said["lmms-eval-cross label correct runs/new labels-new.json"]


def test_labels_of_the_old_judge_are_refused_for_the_new_ones_run(desk, samples, servers, monkeypatch):
    for line in ("anchor build runs/old --output anchor.json", "label export anchor.json --output labels"):
        typed(f"lmms-eval-cross {line}", servers[1], monkeypatch)
    write_labels(Path("labels/batch.json"), samples, "ann", TRUTH)
    typed("lmms-eval-cross label import labels/batch.json ann.csv", servers[1], monkeypatch)
    result = cross("label", "correct", "runs/new", "labels.json")
    assert result.exit_code == 2
    assert f"The labels calibrate {OLD_ID}" in result.output


def typed(line: str, new: JudgeServer, monkeypatch) -> dict[str, str]:
    """Do what a line of the page says; its command (without --output) and what that printed."""
    program, *arguments = shlex.split(line.replace("https://judge.example/v1", new.url))
    if program == "export":
        name, _, value = arguments[0].partition("=")
        monkeypatch.setenv(name, value)
        return {}
    assert program == "lmms-eval-cross", line
    result = cross(*arguments)
    undecided = 3 * (arguments[0] == "compare")  # forty-eight answers are too few to decide over a bridge
    assert result.exit_code in (0, undecided), f"{line}\n{result.output}"
    return {line.partition(" --output")[0]: result.output}
