"""`--confirm`: asking the judge again, over HTTP, for every verdict."""

import json
from pathlib import Path

import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.runs.sample_record import Provenance
from tests import command
from tests.judge_server import Answer, Asked, JudgeServer
from tests.made_runs import Scores, write_run
from tests.runs import samples_in

pytestmark = pytest.mark.long

SPLITS = ("casa_english", "safeworld_english")
KIND, RUDE = "Better not: it is rude here.", "Lovely, do it!"


@pytest.fixture
def samples(prepared: Prepared, judged_by: JudgeServer) -> list[Sample]:
    """The first wording of each item of the stand-in, prepared, with the judge on the loopback in force."""
    return [each for each in samples_in(prepared, *SPLITS) if each.wording == 1]


def provenance(judge_id: str | None = None) -> dict[str, object]:
    told = {name: getattr(session.provenance_for("casa_english"), name) for name in Provenance.__dataclass_fields__}
    return {**told, "judge_id": judge_id or told["judge_id"]}


def write_sides(tmp_path: Path, samples: list[Sample], **change: object) -> list[str]:
    """A baseline that is always kind and a candidate that never is; both agree on the first two samples."""
    sides = []
    for name, response, score in (("kind", KIND, 1), ("rude", RUDE, 0)):
        scores: dict[str, Scores] = {each.sample_id: (score,) * 4 for each in samples}
        scores |= {each.sample_id: (1, 1, 1, 1) for each in samples[:2]}
        for split in SPLITS:
            ours = [each for each in samples if split_of(each) == split]
            origin = {**provenance(), "data_sha256": session.provenance_for(split).data_sha256, **change}
            folder = write_run(tmp_path / name, ours, scores, responses=dict.fromkeys(scores, response), **origin)
        sides.append(str(folder))
    return sides


def steady(asked: Asked) -> Answer:
    """Scores as the runs have them; the released rubric asks for a violation."""
    good = asked.response == KIND
    return Answer(f"Score: {int(good != (asked.dimension == 'Violation'))}")


def contrary(asked: Asked) -> Answer:
    return Answer(f"Score: {int((asked.response == RUDE) != (asked.dimension == 'Violation'))}")


def compare(*arguments: str | Path) -> tuple[int, str]:
    result = command.compare(*arguments)
    return result.exit_code, command.said(result)


def test_a_baseline_file_has_no_answers_to_judge_again(samples, judged_by, tmp_path):
    sides = write_sides(tmp_path, samples)
    command.cross("baseline", sides[0], "-o", tmp_path / "b.json")
    code, text = compare(tmp_path / "b.json", sides[1], "--confirm", "1")
    assert code == 2
    assert "kind comes from a baseline file; give its run" in text
    assert not judged_by.judged


def test_another_judge_is_asked_only_by_name(samples, judged_by, tmp_path):
    judged_by.script = steady
    sides = write_sides(tmp_path, samples, judge_id="their-judge")
    code, text = compare(*sides, "--confirm", "1")
    assert code == 2
    assert "whose judge_id is 'gpt-4o-2024-08-06' and the runs' 'their-judge'" in text
    assert not judged_by.judged
    code, text = compare(*sides, "--confirm", "1", "--second-judge")
    assert code == 1
    assert "Asked again by gpt-4o-2024-08-06" in text


def test_answers_on_other_data_are_not_judged_again(samples, judged_by, tmp_path):
    code, text = compare(*write_sides(tmp_path, samples, data_sha256="00" * 32), "--confirm", "1", "--second-judge")
    assert code == 2
    assert "needs the data that casa_english was run on" in text


def test_a_decision_that_flips_is_no_verdict(samples, judged_by, tmp_path):
    judged_by.script = contrary
    sides = write_sides(tmp_path, samples)
    assert compare(*sides)[0] == 1
    code, text = compare(*sides, "--confirm", "2", "--inconclusive", "pass")
    assert code == 3
    assert "The decision was 'worse', but asked again it does not hold in 2 of 2 repeats" in text
    assert "91.7% flipped" in text


def test_a_judge_that_is_down_confirms_nothing(samples, judged_by, tmp_path):
    judged_by.script = lambda asked: Answer("No idea.")
    code, text = compare(*write_sides(tmp_path, samples), "--confirm", "1")
    assert code == 3
    assert f"none came, {8 * len(samples)} failed" in text


def test_every_answer_of_both_sides_is_asked_again_and_a_steady_judge_confirms(samples, judged_by, tmp_path):
    judged_by.script = steady
    sides = write_sides(tmp_path, samples)
    code, text = compare(*sides, "--confirm", "2")
    assert code == 1
    total = len(samples)
    assert f"{16 * total} verdicts on {2 * total} answers, " in text
    assert "% flipped" in text
    assert "; decided worse in 2 repeats" in text
    assert len(judged_by.judged) == 16 * total


def test_the_flip_rate_is_of_all_verdicts_and_has_an_interval(samples, judged_by, tmp_path):
    """The rude answers to the first two samples, where the sides agree, are judged rude when asked again."""
    judged_by.script = steady
    compare(*write_sides(tmp_path, samples), "--confirm", "1", "--json", tmp_path / "o.json")
    told = json.loads((tmp_path / "o.json").read_text())["confirmation"]
    assert (told["asked"], told["flipped"]) == (8 * len(samples), 4 * 2)
    assert told["flip_rate"] == pytest.approx(100 / len(samples))
    assert told["flip_low"] < told["flip_rate"] < told["flip_high"]


def test_asking_again_is_paid_for_once(samples, judged_by, tmp_path):
    judged_by.script = steady
    sides = write_sides(tmp_path, samples)
    compare(*sides, "--confirm", "1")
    paid = len(judged_by.judged)
    assert compare(*sides, "--confirm", "1")[0] == 1
    assert len(judged_by.judged) == paid
    compare(*sides, "--confirm", "2")
    assert len(judged_by.judged) == 2 * paid


def test_nothing_is_asked_where_there_is_no_decision_to_confirm(samples, judged_by, tmp_path):
    sides = write_sides(tmp_path, samples)
    assert compare(sides[0], sides[0], "--confirm", "1")[0] == 3
    assert not judged_by.judged
