"""`agree`: what it refuses, and its numbers against scikit-learn on the same verdicts."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.trust.agreement_report import agreement_report
from lmms_eval_cross.trust.agreement_text import _points
from lmms_eval_cross.trust.anchor import load_anchor
from tests.command import cross
from tests.judged_runs import chance, noisy, provenance, sample, write_run
from tests.run_folders import samples_file

SAMPLES = [sample(number) for number in range(80)]
TRUTH = chance("truth", 0.6)
OTHER = noisy(TRUTH, "other")
NEW = provenance("new-judge")


def agree(*arguments: object) -> Result:
    return cross("agree", *arguments)


@pytest.fixture
def runs(tmp_path):
    a = write_run(tmp_path / "a", SAMPLES, TRUTH)
    return a, write_run(tmp_path / "b", SAMPLES, OTHER, NEW)


def report(tmp_path, *arguments):
    path = tmp_path / "agreement.json"
    result = agree(*arguments, "--json", path)
    assert result.exit_code == 0, result.output
    return json.loads(path.read_text())


def test_other_answers_to_the_same_samples_are_refused_and_nothing_is_written(tmp_path, runs):
    other = write_run(tmp_path / "c", SAMPLES, TRUTH, answer=lambda each: "Something else.")
    result = agree(runs[0], other, "--json", tmp_path / "out.json")
    assert result.exit_code == 2
    assert "a and c hold different answers to casa/english/" in result.output
    assert not (tmp_path / "out.json").exists()


def test_runs_without_a_common_sample_are_refused(tmp_path, runs):
    other = write_run(tmp_path / "c", [sample(number) for number in range(100, 110)], TRUTH)
    result = agree(runs[0], other)
    assert result.exit_code == 2
    assert "no sample in common" in result.output


def test_a_run_judged_in_two_ways_is_refused(tmp_path, runs):
    mixed = samples_file(runs[0], "cross_safeworld")
    more = write_run(tmp_path / "more", [sample(200)], TRUTH, NEW)
    mixed.write_text(samples_file(more, "cross_casa").read_text())
    result = agree(runs[0], runs[1])
    assert result.exit_code == 2
    assert "a was judged in 2 ways: new-judge (rubric official aaaaaaaa, profile official), old-judge" in result.output


def test_a_missing_file_is_one_sentence(tmp_path):
    result = agree(tmp_path / "no.json", tmp_path / "no.json")
    assert result.exit_code == 2
    assert "no.json can't be read (No such file or directory)" in result.output


def test_every_number_of_the_json_is_scikit_learns(tmp_path, runs):
    from sklearn.metrics import cohen_kappa_score, recall_score

    found = report(tmp_path, *runs)
    for dimension in DIMENSIONS:
        first = [TRUTH(each, dimension) for each in SAMPLES]
        second = [OTHER(each, dimension) for each in SAMPLES]
        each = found["dimensions"][dimension]
        assert each["n"] == 80
        assert each["agreement"] == pytest.approx(sum(x == y for x, y in zip(first, second, strict=True)) / 80)
        assert each["kappa"] == pytest.approx(cohen_kappa_score(first, second))
        assert each["sensitivity"] == pytest.approx(recall_score(first, second))
        assert each["specificity"] == pytest.approx(recall_score(first, second, pos_label=0))
        assert each["shift"] == pytest.approx((sum(second) - sum(first)) / 80)
        assert each["shift_interval"][0] < each["shift"] < each["shift_interval"][1]


def test_slices_hold_the_same_numbers_for_their_samples(tmp_path, runs):
    from sklearn.metrics import cohen_kappa_score

    japan = report(tmp_path, *runs)["slices"]["country"]["Japan"]["dimensions"]["compliance"]
    kept = [each for each in SAMPLES if each.country == "Japan"]
    pairs = [[rule(each, "compliance") for each in kept] for rule in (TRUTH, OTHER)]
    assert japan["n"] == len(kept)
    assert japan["kappa"] == pytest.approx(cohen_kappa_score(*pairs))


def test_disagreements_come_with_both_rationales(tmp_path, runs):
    found = report(tmp_path, *runs)["disagreements"]
    expected = sum(TRUTH(each, name) != OTHER(each, name) for each in SAMPLES for name in DIMENSIONS)
    assert len(found) == expected
    for each in found:
        for judge in "ab":
            number = 1 - each[judge] if each["dimension"] == "compliance" else each[judge]  # it scores a violation
            assert each[f"rationale_{judge}"].endswith(f"Score: {number}")


def test_anchors_without_text_show_disagreements_without_replies(tmp_path, runs):
    anchors = []
    for number, run in enumerate(runs):
        load_anchor(run).without_text().write(tmp_path / f"{number}.json")
        anchors.append(tmp_path / f"{number}.json")
    shown = agree(*anchors).stdout.partition("disagreements, the first 5:\n")[2].splitlines()
    assert len(shown[:-2]) == 5
    assert all(": A " in line for line in shown[:-2])


def test_no_change_has_no_minus_sign():
    assert _points(-0.0004, (-0.0001, 0.0)) == "+0.0 (+0.0 to +0.0)"
    assert _points(-0.0006, (-0.0206, 0.0)) == "-0.1 (-2.1 to +0.0)"


def test_failed_verdicts_are_counted_and_never_scored(tmp_path, runs):
    def failing(each, dimension):
        return None if each is SAMPLES[0] else TRUTH(each, dimension)

    found = report(tmp_path, write_run(tmp_path / "c", SAMPLES, failing, NEW), runs[1])["dimensions"]["awareness"]
    assert (found["n"], found["failures"]) == (79, {"a": 1, "b": 0})


def test_a_judge_compared_with_itself_is_said_to_be_the_same(runs):
    result = agree(runs[0], runs[0])
    assert "A and B are the same judge, rubric and profile." in result.output
    assert "| compliance | 80 | 100.0% |" in result.output
    assert "0 disagreements." in result.output
    assert result.stdout.splitlines()[-1] == "A and B give every answer the same scores."


def test_it_ends_with_where_the_judges_agree_least_and_whose_means_differ(tmp_path, runs):
    found = report(tmp_path, *runs)["dimensions"]
    least = min(found, key=lambda name: found[name]["agreement"])
    shifted = [name for name, each in found.items() if each["shift_interval"][0] > 0 or each["shift_interval"][1] < 0]
    last = agree(*runs).stdout.splitlines()[-1]
    assert (
        f"agree least on {least}, in {100 * found[least]['agreement']:.1f}% (kappa {found[least]['kappa']:.2f})" in last
    )
    assert shifted, "or the next line could not fail"
    assert [name for name in DIMENSIONS if f"{name} {100 * found[name]['shift']:+.1f}" in last] == shifted


def test_without_a_score_of_both_that_is_the_end(tmp_path, runs):
    nothing = write_run(tmp_path / "nothing", SAMPLES, lambda *_: None, NEW)
    assert agree(nothing, runs[1]).stdout.splitlines()[-1] == "No answer has a score of both judges."


def test_the_disagreement_that_stands_for_the_most_answers_comes_first(runs):
    first, second = load_anchor(runs[0]), load_anchor(runs[1])
    drawn = [item.model_copy(update={"probability": 0.1 + 0.01 * n}) for n, item in enumerate(first.items)]
    weights = [
        row["weight"] for row in agreement_report(first.model_copy(update={"items": drawn}), second)["disagreements"]
    ]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) > 5


def test_the_page_names_every_field_of_the_json(tmp_path, runs):
    page = (Path(__file__).parent.parent / "docs" / "agreement.md").read_text()
    found = report(tmp_path, *runs)
    names = {*found, *found["dimensions"]["compliance"], *found["disagreements"][0], *found["slices"]}
    assert [name for name in sorted(names) if name not in page] == []
