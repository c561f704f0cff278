"""Terminal, Markdown, JUnit and JSON: each whole, valid and honest in every kind of outcome."""

import json
from pathlib import Path
from urllib.parse import quote

import click.testing
import jsonschema
import pytest
from lxml import etree

from lmms_eval_cross.cli import main
from lmms_eval_cross.compare.gate_markdown import escape
from lmms_eval_cross.compare.terminal import WIDTH
from tests import command
from tests.conftest import ROOT
from tests.made_runs import SECRET, cross_samples, draw, task, with_failures, write_run

pytestmark = pytest.mark.long  # seven comparisons of full runs come first

SAMPLES = cross_samples()
GOOD = draw(SAMPLES, 0.7, seed=1)
TASKS = {"mmmu_val": task(0.5), "mme": task(1400.0)}
SCHEMA = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
XSD = etree.XMLSchema(etree.parse(ROOT / "tests" / "junit.xsd"))
CANDIDATES = {"same": 0, "worse": 1, "undecided": 3, "waved-through": 0, "half-judged": 3, "other-judge": 3, "tiny": 3}


class Told:
    """What a comparison wrote."""

    def __init__(self, folder: Path, result: click.testing.Result) -> None:
        self.code, self.text = result.exit_code, result.output
        self.markdown = (folder / "o.md").read_text()
        self.junit = etree.fromstring((folder / "o.xml").read_bytes())
        self.json = json.loads((folder / "o.json").read_text(), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Every kind of outcome, written once."""
    root = tmp_path_factory.mktemp("told")
    noisy = draw(SAMPLES, 0.7, seed=1, flips=0.55)
    write_run(root / "good", SAMPLES, GOOD, tasks=TASKS)
    write_run(root / "same", SAMPLES, GOOD, tasks=TASKS)
    write_run(root / "worse", SAMPLES, draw(SAMPLES, 0.7, seed=1, drop=0.2), tasks=TASKS)
    write_run(root / "undecided", SAMPLES, noisy, tasks=TASKS)
    write_run(root / "waved-through", SAMPLES, noisy, tasks=TASKS)
    write_run(root / "half-judged", SAMPLES, with_failures(GOOD, 0.3))
    write_run(root / "other-judge", SAMPLES, GOOD, judge_id="judge-2")
    write_run(root / "tiny", SAMPLES[:4], GOOD)
    return {name: compare(root, name) for name in CANDIDATES}


def compare(root: Path, name: str) -> Told:
    folder = root / f"{name}-out"
    folder.mkdir()
    margins = ["--margin", "compliance=2"] if name in ("undecided", "waved-through") else []
    policy = ["--inconclusive", "pass"] if name == "waved-through" else []
    files = ["--json", folder / "o.json", "--markdown", folder / "o.md", "--junit", folder / "o.xml"]
    sides = [root / ("tiny" if name == "tiny" else "good"), root / name]
    options = [*margins, *policy, "--report-url", "https://ci.example/report.html"]
    return Told(folder, command.compare(*sides, *files, *options))


every_outcome = pytest.mark.parametrize("name", CANDIDATES)


@every_outcome
def test_exit_codes_are_those_of_the_outcomes(told, name):
    assert told[name].code == CANDIDATES[name]


@every_outcome
def test_text_begins_and_markdown_ends_with_what_was_decided(told, name):
    sentence = told[name].json["sentence"]
    assert sentence.startswith(f"Exit {CANDIDATES[name]}, ")
    assert " ".join(told[name].text.split()).startswith(sentence)
    assert told[name].markdown.rstrip().endswith(escape(sentence))


@every_outcome
def test_json_is_strict_and_follows_its_schema(told, name):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(told[name].json, SCHEMA)
    assert told[name].json["exit_code"] == told[name].code


@every_outcome
def test_junit_follows_the_common_rules_and_its_counts_are_true(told, name):
    XSD.assertValid(told[name].junit)
    suite = told[name].junit.find("testsuite")
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(key)) == len(suite.findall(f"testcase/{tag}"))
    failed = [each.get("name") for each in suite.findall("testcase") if each.find("failure") is not None]
    assert ("gate" in failed) == (told[name].code == 1)
    assert (suite.find("testcase[@name='gate']/error") is not None) == (told[name].code == 3)


@every_outcome
def test_no_output_has_text_of_the_benchmark(told, name):
    outputs = (told[name].text, told[name].markdown, etree.tostring(told[name].junit).decode(), str(told[name].json))
    assert not any(SECRET in text or "An answer." in text for text in outputs)


@every_outcome
def test_the_table_fits_the_terminal(told, name):
    assert max(map(len, told[name].text.splitlines())) <= WIDTH


def test_sides_that_cannot_be_compared_are_told_apart_without_a_number(told):
    other = told["other-judge"]
    assert other.json["metrics"] == []
    assert "|" not in other.markdown
    assert "The judge id differs" in other.text
    assert "compliance" not in other.text


def test_the_terminal_shows_every_metric_with_its_change_and_verdict(told):
    lines = {line.split()[0]: line.split() for line in told["worse"].text.splitlines() if line.strip()}
    found = next(each for each in told["worse"].json["metrics"] if each["name"] == "compliance")["difference"]
    low, high = (f"{100 * found[key]:+.1f}" for key in ("lower_bound", "upper_bound"))
    means = [f"{100 * found[key]:.1f}" for key in ("baseline_mean", "candidate_mean")]
    change = f"{100 * found['difference']:+.1f}"
    assert lines["compliance"][1:] == [*means, change, low, "to", high, "5", "WORSE"]
    assert lines["mmmu_val/acc"][1:] == [
        "*",
        "50.0",
        "50.0",
        "+0.0",
        *lines["mmmu_val/acc"][5:8],
        "-",
        "(not",
        "gated)",
    ]
    assert lines["mme/acc"][1:] == ["*", "-", "-", "-", "-", "-", "(not", "gated)"]


def test_markdown_shows_the_worst_slices_first_and_links_ten_samples_into_the_report(told):
    worse = told["worse"]
    rows = [
        line for line in worse.markdown.splitlines() if line.startswith(("| country", "| lang", "| sett", "| word"))
    ]
    first = worse.json["slices"][0]
    assert rows[0].startswith(f"| {first['facet']} {first['value']} | {first['dimension']} |")
    links = [line for line in worse.markdown.splitlines() if line.startswith("- [")]
    names = [each["sample_id"] for each in worse.json["changes"]]
    assert len(links) == 10
    for line, name in zip(links, names, strict=True):
        assert f"(<https://ci.example/report.html#sample={quote(name, safe='')}>)" in line


def test_the_samples_that_changed_most_lost_more_dimensions_than_any_other(told):
    sizes = [sum(map(abs, each["changes"].values())) for each in told["worse"].json["changes"]]
    assert sizes == sorted(sizes, reverse=True)
    assert told["same"].json["changes"] == []


def test_the_bootstrap_is_close_to_the_interval_that_decides(told):
    for each in told["undecided"].json["metrics"][:4]:
        width = each["difference"]["high"] - each["difference"]["low"]
        assert each["bootstrap"]["high"] - each["bootstrap"]["low"] == pytest.approx(width, rel=0.35)


def test_a_fall_that_is_not_gated_is_named_in_every_output(tmp_path):
    write_run(tmp_path / "good", SAMPLES, GOOD)
    fallen = draw(SAMPLES, 0.7, seed=1, drop=0.2)
    kept = {name: (*fallen[name][:3], 1) for name in GOOD}
    write_run(tmp_path / "fallen", SAMPLES, kept)
    files = ["--json", tmp_path / "o.json", "--markdown", tmp_path / "o.md", "--junit", tmp_path / "o.xml"]
    sides = [tmp_path / "good", tmp_path / "fallen"]
    result = command.compare(*sides, "--margin", "helpfulness=0.5", *files)
    found = json.loads((tmp_path / "o.json").read_text())
    change = 100 * next(each for each in found["metrics"] if each["name"] == "compliance")["difference"]["difference"]
    assert result.exit_code == 0
    assert change < -15
    sentence = f"compliance {change:+.1f} (worse)"
    assert found["not_gated"].startswith("Not gated: awareness ")
    for text in (" ".join(result.output.split()), found["not_gated"], (tmp_path / "o.xml").read_text()):
        assert sentence in text
    assert sentence in (tmp_path / "o.md").read_text().replace("\\", "")


def test_what_is_gated_or_did_not_fall_is_not_told_as_not_gated(told):
    assert {name: told[name].json["not_gated"] for name in CANDIDATES} == dict.fromkeys(CANDIDATES, "")


def test_every_output_says_of_its_bounds_that_they_are_one_sided_and_json_has_both(told):
    worse = told["worse"]
    assert (worse.json["bounds"], worse.json["interval"]) == ("one-sided 95% bounds", "two-sided 95% interval")
    found = worse.json["metrics"][0]["difference"]
    assert found["low"] < found["lower_bound"] < found["upper_bound"] < found["high"]
    for text in (worse.text, worse.markdown, etree.tostring(worse.junit).decode()):
        assert "one-sided 95% bounds" in text


def test_names_cannot_break_markdown_or_xml(tmp_path):
    name = "m|x](http://evil)<b>\u0007`\ud800"
    for folder in ("a", "b"):
        write_run(tmp_path / folder, SAMPLES[:80], GOOD, model=name)
    (tmp_path / "o").mkdir()
    files = ["--json", tmp_path / "o.json", "--markdown", tmp_path / "o.md", "--junit", tmp_path / "o.xml"]
    sides = [tmp_path / "a", tmp_path / "b"]
    result = command.cross("compare", *sides, *files)
    assert result.exit_code in (0, 3), result.output
    XSD.assertValid(etree.parse(tmp_path / "o.xml"))
    assert "m\\|x\\](http:\u200b//evil)\\<b\\>" in (tmp_path / "o.md").read_text()


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_the_documented_options_are_those_of_the_command(command):
    told = click.testing.CliRunner().invoke(main, [command, "--help"], prog_name="lmms-eval-cross", terminal_width=80)
    assert f"```text\n{told.output}```" in (ROOT / "docs" / "gate.md").read_text()
