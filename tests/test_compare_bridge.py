"""compare --bridge: what is refused, what is decided, and that every output tells of the bridge."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from lxml import etree

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats import bridged_difference
from lmms_eval_cross.trust.anchor import Anchor, Judgement, anchor_of_run, draw, load_anchor
from lmms_eval_cross.trust.bridge import bridges
from lmms_eval_cross.trust.stamp import JudgeStamp
from tests.command import compare, cross, said
from tests.conftest import ROOT
from tests.judged_runs import Rule, chance, noisy, provenance, sample, write_run

pytestmark = pytest.mark.long

SAMPLES = [sample(number) for number in range(1200)]
TRUTH = chance("people", 0.7)
FALLEN = chance("fallen", 0.4)
OLD = provenance("old-judge")
NEW = provenance("new-judge")
SCHEMA = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
XSD = etree.XMLSchema(etree.parse(ROOT / "tests" / "junit.xsd"))


def old_judge(rule: Rule) -> Rule:
    return noisy(rule, "old", 0.95, 0.95)


def new_judge(rule: Rule) -> Rule:
    """Stricter: gives far fewer ones than the old judge."""
    return noisy(rule, "new", 0.75, 0.97)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model by both judges, a model that fell by the new one, and an anchor that both judged."""
    root = tmp_path_factory.mktemp("runs")
    write_run(root / "old", SAMPLES, old_judge(TRUTH), OLD)
    write_run(root / "same", SAMPLES, new_judge(TRUTH), NEW)
    write_run(root / "fallen", SAMPLES, new_judge(FALLEN), NEW)
    judged_by_both(root, "old", "same").write(root / "bridge.json")
    anchor_of_run(load_run(root / "old")).write(root / "old-only.json")
    return root


def judged_by_both(root: Path, old: str, new: str, n: int = 600) -> Anchor:
    first, second = (anchor_of_run(load_run(root / name)) for name in (old, new))
    verdicts = dict(zip((item.sample_id for item in second.items), second.judgements[0].verdicts, strict=True))
    drawn = draw(first, n)
    again = Judgement(judge=second.latest.judge, verdicts=[verdicts[item.sample_id] for item in drawn.items])
    return drawn.model_copy(update={"judgements": [*drawn.judgements, again]}).without_text()


# --- no verdict ---


def test_two_judges_without_a_bridge_give_no_verdict_and_the_way_across_is_named(runs):
    result = compare(runs / "old", runs / "same", "--inconclusive", "pass")
    assert result.exit_code == 3
    assert "The judge id differs in casa/english: old-judge against new-judge." in said(result)
    assert "can be compared with --bridge and an anchor that both judged." in said(result)


@pytest.mark.parametrize("change", [{"judge_id": "third-judge"}, {"rubric_sha256": "b" * 64}])
def test_a_bridge_of_another_judge_or_rubric_gives_no_verdict(runs, tmp_path, change):
    other = write_run(tmp_path / "other", SAMPLES, new_judge(TRUTH), provenance(**{"judge_id": "new-judge"} | change))
    result = compare(runs / "old", other, "--bridge", runs / "bridge.json", "--json", tmp_path / "o.json")
    assert result.exit_code == 3
    assert "old was not judged by" in said(result)
    told = json.loads((tmp_path / "o.json").read_text())
    assert (told["bridge"], told["metrics"]) == (None, [])


def test_an_anchor_that_only_one_side_s_judge_saw_gives_no_verdict(runs):
    result = compare(runs / "old", runs / "same", "--bridge", runs / "old-only.json")
    assert result.exit_code == 3
    assert "old-only.json: old was not judged by new-judge" in said(result)


def test_a_bridge_that_leads_the_other_way_round_is_one_too_but_none_between_equal_judges_is_needed(runs):
    back = compare(runs / "same", runs / "old", "--bridge", runs / "bridge.json", "--margin", "compliance=30")
    assert back.exit_code == 0
    result = compare(runs / "same", runs / "fallen", "--bridge", runs / "bridge.json")
    assert result.exit_code == 3
    assert "so there is nothing to bridge; leave out --bridge." in said(result)


def test_an_anchor_that_another_model_answered_gives_no_verdict(runs, tmp_path):
    anchor = judged_by_both(runs, "old", "same")
    strange = [
        Judgement.model_validate_json(each.model_dump_json().replace('"model":"new-judge"}', '"model":"new-judge-2"}'))
        for each in anchor.judgements
    ]
    anchor.model_copy(update={"judgements": strange}).write(tmp_path / "strange.json")
    result = compare(runs / "old", runs / "same", "--bridge", tmp_path / "strange.json")
    assert result.exit_code == 3
    assert "new-judge-2 answered in the anchor of old and new-judge in the candidate" in said(result)


def test_other_data_are_not_bridged(runs, tmp_path):
    other = write_run(tmp_path / "other", SAMPLES, new_judge(TRUTH), replace(NEW, data_sha256="e" * 64))
    result = compare(runs / "old", other, "--bridge", runs / "bridge.json")
    assert result.exit_code == 3
    assert "The data hash differs in casa/english" in said(result)
    assert "--bridge" not in said(result)


def test_rounds_of_one_side_that_two_judges_scored_are_not_bridged(runs):
    result = compare(runs / "old", runs / "same", "--candidate-round", runs / "old", "--bridge", runs / "bridge.json")
    assert result.exit_code == 3
    assert "The judge id differs within the candidate in casa/english: new-judge, old-judge." in said(result)


def test_an_anchor_with_too_few_answers_of_a_gated_score_gives_no_verdict(runs, tmp_path):
    judged_by_both(runs, "old", "same", n=20).write(tmp_path / "small.json")
    result = compare(runs / "old", runs / "same", "--bridge", tmp_path / "small.json")
    assert result.exit_code == 3
    assert "10 of each are needed to bridge; build a larger anchor." in said(result)


@pytest.fixture(scope="module")
def stranger(runs: Path) -> Path:
    """A bridge over the answers of a model that is right in 30%, which both judges judged."""
    weak = chance("weak", 0.3)
    for name, judge, told in (("weak-old", old_judge, OLD), ("weak-new", new_judge, NEW)):
        write_run(runs / name, SAMPLES, judge(weak), told, lambda each: f"Another answer to {each.item}.")
    judged_by_both(runs, "weak-old", "weak-new").write(runs / "stranger.json")
    return runs / "stranger.json"


def test_a_bridge_of_another_model_s_answers_gives_no_verdict_and_names_the_command_that_makes_the_right_one(
    runs, stranger
):
    baseline = runs / "written.json"
    assert cross("baseline", runs / "old", "-o", baseline).exit_code == 0
    for side in (runs / "old", baseline):
        result = compare(side, runs / "same", "--bridge", stranger, "--margin", "compliance=10")
        assert result.exit_code == 3
        assert "0 of the 600 answers of weak-old in the anchor are the baseline's own" in said(result)
        assert "draw an anchor from the baseline's run with `lmms-eval-cross anchor build`" in said(result)


def test_of_a_mixed_bridge_only_the_baseline_s_own_answers_count(runs, stranger, tmp_path):
    own, foreign = (load_anchor(runs / name) for name in ("bridge.json", "stranger.json"))
    mine = {item.sample_id for item in own.items}
    others = foreign.on_items([place for place, item in enumerate(foreign.items) if item.sample_id not in mine])
    assert len(others.items) > 100
    judgements = []
    for first, second in zip(own.judgements, others.judgements, strict=True):
        judgements.append(first.model_copy(update={"verdicts": [*first.verdicts, *second.verdicts]}))
    mixed = own.model_copy(update={"items": [*own.items, *others.items], "judgements": judgements})
    mixed.write(tmp_path / "mixed.json")
    metrics = []
    for anchor in (tmp_path / "mixed.json", runs / "bridge.json"):
        result = compare(runs / "old", runs / "fallen", "--bridge", anchor, "--json", tmp_path / "o.json")
        assert result.exit_code != 2, said(result)
        told = json.loads((tmp_path / "o.json").read_text())
        assert told["bridge"]["answers"] == 600
        metrics.append(told["metrics"])
    assert metrics[0] == metrics[1] != []


def test_a_baseline_file_without_hashes_of_answers_is_not_bridged_but_read(runs, tmp_path):
    file = tmp_path / "baseline.json"
    cross("baseline", runs / "old", "-o", file)
    first = json.loads(file.read_text())
    first["schema"] = "cross-baseline/1"
    first["samples"] = {name: columns[:4] for name, columns in first["samples"].items()}
    file.write_text(json.dumps(first))
    assert compare(file, runs / "old").exit_code == 0
    result = compare(file, runs / "same", "--bridge", runs / "bridge.json", "--inconclusive", "pass")
    assert result.exit_code == 3
    assert "write the baseline again with `lmms-eval-cross baseline`" in said(result)


def test_judges_that_always_agree_or_never_do_are_bridged(runs, tmp_path):
    opposed = write_run(tmp_path / "opposed", SAMPLES, lambda *asked: 1 - old_judge(TRUTH)(*asked), NEW)
    agreed = write_run(tmp_path / "agreed", SAMPLES, old_judge(TRUTH), NEW)
    for candidate in (opposed, agreed):
        (runs / candidate.name).symlink_to(candidate)
        judged_by_both(runs, "old", candidate.name, n=397).write(tmp_path / "bridge.json")
        result = compare(runs / "old", candidate, "--bridge", tmp_path / "bridge.json", "--margin", "compliance=20")
        assert result.exit_code == 0, said(result)


def test_a_bridge_file_that_was_changed_and_confirm_over_a_bridge_are_wrong_usage(runs, tmp_path):
    (tmp_path / "changed.json").write_text((runs / "bridge.json").read_text().replace("old-judge", "old-judgf"))
    result = compare(runs / "old", runs / "same", "--bridge", tmp_path / "changed.json")
    assert (result.exit_code, "was changed after it was frozen" in said(result)) == (2, True)
    result = compare(runs / "old", runs / "same", "--bridge", runs / "bridge.json", "--confirm", "1")
    assert (result.exit_code, "--confirm asks one judge for both sides" in said(result)) == (2, True)


# --- decisions ---


def test_a_stricter_judge_alone_makes_no_model_worse_and_a_fall_is_seen_through_it(runs):
    scores = [[a.outcomes["compliance"].score for a in load_run(runs / name).answers] for name in ("old", "same")]
    assert sum(scores[0]) - sum(scores[1]) > 0.1 * len(SAMPLES), "the judges must differ for this to show anything"
    margins = [option for name in DIMENSIONS for option in ("--margin", f"{name}=10")]
    bridge = ["--bridge", runs / "bridge.json"]
    assert compare(runs / "old", runs / "same", *bridge, *margins).exit_code == 0
    assert compare(runs / "old", runs / "fallen", *bridge, *margins).exit_code == 1


def test_a_baseline_file_is_bridged_like_its_run(runs, tmp_path):
    file = tmp_path / "baseline.json"
    done = cross("baseline", runs / "old", "-o", file)
    assert done.exit_code == 0, done.output
    metrics = []
    for side in (file, runs / "old"):
        compare(side, runs / "fallen", "--bridge", runs / "bridge.json", "--json", tmp_path / "o.json")
        metrics.append(json.loads((tmp_path / "o.json").read_text())["metrics"])
    assert metrics[0] == metrics[1] != []


def test_every_output_tells_of_the_bridge_and_holds_the_bridged_numbers(runs, tmp_path):
    files = [tmp_path / f"o.{ending}" for ending in ("xml", "md", "json")]
    options = ["--junit", files[0], "--markdown", files[1], "--json", files[2], "--margin", "compliance=5"]
    result = compare(runs / "old", runs / "fallen", "--bridge", runs / "bridge.json", *options)
    words = "Over a bridge: the baseline was judged by old-judge"
    assert words in said(result)
    assert words in files[1].read_text()
    junit = etree.fromstring(files[0].read_bytes())
    XSD.assertValid(junit)
    assert junit.find(".//property[@name='bridge']").get("value").startswith(words)
    told = json.loads(files[2].read_text(), parse_constant=pytest.fail)
    jsonschema.validate(told, SCHEMA)
    assert (told["bridge"]["old"]["id"], told["bridge"]["new"]["id"]) == ("old-judge", "new-judge")
    assert told["bridge"]["answers"] == 600
    assert (told["slices"], told["changes"]) == ([], [])
    (metric,) = told["metrics"]
    assert metric["bootstrap"] is None
    expected = bridged_difference(*compliance(runs))
    assert metric["difference"]["difference"] == pytest.approx(expected.difference)
    assert metric["difference"]["lower_bound"] == pytest.approx(expected.lower_bound)


def compliance(root: Path):
    """Old and new scores, norms, and the bridge, put together without the comparison."""
    old, new = (load_run(root / name).answers for name in ("old", "fallen"))
    anchor = judged_by_both(root, "old", "same")
    stamps = [JudgeStamp.of(each) for each in (OLD, NEW)]
    rows = [[answer.outcomes["compliance"].score for answer in side] for side in (old, new)]
    return *rows, [answer.sample.norm_id for answer in old], bridges(anchor, *stamps, ["compliance"])["compliance"]
