"""A panel of judges: the majority decides, once nobody who is missing could change it."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from lmms_eval_cross.benchmark.panel import agreeing_share, panel_outcome
from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure, Outcome, Usage, Verdict, Vote
from lmms_eval_cross.errors import JudgeSetupError, SettingsError
from lmms_eval_cross.judge.caller import Outcomes
from lmms_eval_cross.judge.job import judge_identity
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.settings import describe_settings, load_settings
from lmms_eval_cross.stats import agreement_intervals
from lmms_eval_cross.stats.panel_agreement import PanelAgreement, panel_agreement
from tests import judging
from tests.judge_server import Answer, JudgeServer
from tests.panels import asked_of, model_of, other_way_round, seated

ANSWERS = ("A wreath of lilies.", "Bring tulips, which nobody mourns with.", "Any flowers will do.")


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, JudgeServer]]:
    with seated(monkeypatch) as servers:
        yield servers


def judged() -> list[Outcomes]:
    with open_judging(load_settings()) as opened:
        return opened.ask([judging.job(answer) for answer in ANSWERS])


def votes(*scores: int | None) -> list[Vote]:
    return [Vote(f"j{number}", "m", _outcome(score)) for number, score in enumerate(scores)]


def _outcome(score: int | None) -> Outcome:
    if score is None:
        return JudgeFailure("education", "unavailable", "The connection failed (ConnectError).")
    return Verdict("education", 1 if score else 0, "Because.", "m", Usage(100, 0, 20))


# ---- the rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((1, 1, 1), 1),
        ((1, 0, 0), 0),
        ((1, 1, None), 1),
        ((1, 0, None), "panel_incomplete"),
        ((1, None, None), "panel_incomplete"),
        ((None, None, None), "panel_incomplete"),
        ((1, 0), "panel_tie"),
        ((1, None), "panel_incomplete"),
        ((1, 1), 1),
        ((0, 0, 1, 1), "panel_tie"),
        ((0, 0, 1, None), "panel_incomplete"),
        ((0, 0, 0, None), 0),
        ((0, 0, None, None), "panel_incomplete"),
        ((0, 0, 0, None, None), 0),
        ((0, 0, 1, None, None), "panel_incomplete"),
    ],
)
def test_a_verdict_stands_once_no_missing_member_could_change_it(scores: tuple[int | None, ...], said: object) -> None:
    outcome = panel_outcome("education", votes(*scores), "m")
    assert (outcome.reason if isinstance(outcome, JudgeFailure) else outcome.score) == said
    assert [vote.outcome for vote in outcome.votes] == [vote.outcome for vote in votes(*scores)]
    assert outcome.usage.prompt_tokens == 100 * sum(score is not None for score in scores)


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ((1, 1, 1), 1.0),
        ((1, 1, 0), 1 / 3),
        ((1, 0), 0.0),
        ((1, 1, None), 1.0),
        ((1, None, None), None),
        ((0, 0, 1, 1), 1 / 3),
    ],
)
def test_the_agreeing_share_is_of_pairs_of_members_with_a_verdict(
    scores: tuple[int | None, ...], share: float | None
) -> None:
    assert agreeing_share(votes(*scores)) == pytest.approx(share)


def test_the_agreement_of_three_is_that_of_their_pairs_with_its_interval_over_norms() -> None:
    scores = np.random.default_rng(7).integers(0, 2, (3, 60))
    norms = [number // 3 for number in range(60)]
    shares = [agreeing_share(votes(*three)) for three in scores.T.tolist()]
    told = panel_agreement(np.array(shares, dtype=float), norms)
    first, second = np.concatenate(scores[[0, 0, 1]]), np.concatenate(scores[[1, 2, 2]])
    low, high = agreement_intervals(first, second, norms * 3)["agreement"] or (0, 0)
    assert told == PanelAgreement(
        pytest.approx(100 * np.mean(first == second)), pytest.approx(100 * low), pytest.approx(100 * high), 60
    )


def test_where_no_two_members_gave_a_verdict_there_is_no_agreement() -> None:
    assert panel_agreement([math.nan, math.nan], ["a", "b"]) is None


# ---- through the one door ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_majority_of_three_decides_and_each_said_is_kept(panel: Mapping[str, JudgeServer]) -> None:
    panel["cyd"].script = other_way_round
    for outcomes in judged():
        for outcome in outcomes.values():
            assert isinstance(outcome, Verdict)
            ann, bob, cyd = (vote.outcome for vote in outcome.votes)
            assert isinstance(ann, Verdict)
            assert isinstance(bob, Verdict)
            assert isinstance(cyd, Verdict)
            assert outcome.score == ann.score == bob.score == 1 - cyd.score
            assert [vote.judge_id for vote in outcome.votes] == ["judge-ann", "judge-bob", "judge-cyd"]
    assert asked_of(panel) == {"ann": 12, "bob": 12, "cyd": 12}


@pytest.mark.long
def test_a_second_run_asks_nobody(panel: Mapping[str, JudgeServer]) -> None:
    first, before = judged(), asked_of(panel)
    assert judged() == first
    assert asked_of(panel) == before


@pytest.mark.long
def test_verdicts_that_a_member_gave_alone_are_not_paid_again(
    panel: Mapping[str, JudgeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:
        for name in ("CROSS_JUDGE_PANEL", *(f"CROSS_PANEL_BOB_{name}" for name in ("MODEL", "BASE_URL", "API_KEY"))):
            alone.delenv(name)
        alone.setenv("CROSS_JUDGE_MODEL", model_of("bob"))
        alone.setenv("CROSS_JUDGE_BASE_URL", panel["bob"].url)
        alone.setenv("CROSS_JUDGE_API_KEY", "none")
        by_bob = judged()
    of_panel = judged()
    assert asked_of(panel) == {"ann": 12, "bob": 12, "cyd": 12}
    assert [outcomes["education"].votes[1].outcome for outcomes in of_panel] == [each["education"] for each in by_bob]


@pytest.mark.long
def test_one_that_is_down_is_missed_only_where_the_others_differ(panel: Mapping[str, JudgeServer]) -> None:
    panel["bob"].script = lambda asked: other_way_round(asked) if asked.dimension == "Education" else Answer("Score: 1")
    panel["ann"].script = lambda asked: Answer("Score: 1") if asked.dimension != "Education" else Answer("Score: 0")
    panel["cyd"].script = lambda _: Answer(status=400)
    for outcomes in judged():
        for name, outcome in outcomes.items():
            ann, bob, _ = (vote.outcome for vote in outcome.votes)
            assert isinstance(ann, Verdict)
            assert isinstance(bob, Verdict)
            if ann.score == bob.score:
                assert isinstance(outcome, Verdict), name
                assert outcome.score == ann.score
            else:
                assert isinstance(outcome, JudgeFailure), name
                assert outcome.reason == "panel_incomplete"
                assert "2 of the panel's 3 members gave a verdict" in outcome.detail
                assert "judge-cyd rejected (The endpoint answered 400: made to fail)" in outcome.detail


@pytest.mark.long
def test_two_that_die_leave_no_verdict_and_a_rerun_asks_them_alone(panel: Mapping[str, JudgeServer]) -> None:
    dead = lambda _: Answer(status=402, error={"message": "Insufficient balance", "code": "insufficient_quota"})  # noqa: E731
    panel["bob"].script = panel["cyd"].script = dead
    reasons = {
        outcome.reason for outcomes in judged() for outcome in outcomes.values() if isinstance(outcome, JudgeFailure)
    }
    assert reasons == {"panel_incomplete"}
    before = asked_of(panel)["ann"]
    panel["bob"].script = panel["cyd"].script = panel["ann"].script
    assert all(isinstance(outcome, Verdict) for outcomes in judged() for outcome in outcomes.values())
    assert asked_of(panel)["ann"] == before == 12


@pytest.mark.long
def test_an_even_panel_may_be_divided_which_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    with seated(monkeypatch, 2) as servers:
        servers["bob"].script = other_way_round
        outcomes = [outcome for each in judged() for outcome in each.values()]
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, JudgeFailure)} == {"panel_tie"}
    assert len(outcomes) == 12


@pytest.mark.long
def test_an_answer_that_the_model_did_not_give_is_no_matter_of_the_panel(panel: Mapping[str, JudgeServer]) -> None:
    with open_judging(load_settings()) as opened:
        (outcomes,) = opened.ask([judging.job("")])
    assert {outcome.reason for outcome in outcomes.values() if isinstance(outcome, JudgeFailure)} == {"no_response"}
    assert asked_of(panel) == {"ann": 0, "bob": 0, "cyd": 0}


# ---- checks before the first call --------------------------------------------------------------------------------


def test_a_members_wrong_key_is_told_in_its_name(panel: Mapping[str, JudgeServer]) -> None:
    panel["bob"].keys = {"good"}
    with pytest.raises(JudgeSetupError, match=r"^The panel's bob: .* refuses the key in CROSS_PANEL_BOB_API_KEY"):
        open_judging(load_settings())


def test_a_members_unknown_model_is_told_in_its_name(panel: Mapping[str, JudgeServer]) -> None:
    panel["cyd"].models = ("another",)
    with pytest.raises(JudgeSetupError, match=r"^The panel's cyd: .* has no model 'judge-cyd'.*CROSS_PANEL_CYD_MODEL"):
        open_judging(load_settings())


def test_a_member_that_is_blind_is_found_out(panel: Mapping[str, JudgeServer]) -> None:
    panel["ann"].sees = False
    panel["ann"].script = lambda _: Answer("I see no picture.")
    with pytest.raises(JudgeSetupError, match=r"^The panel's ann: The judge judge-ann .* does not see pictures"):
        open_judging(load_settings())


def test_a_budget_wants_a_price_of_every_member(
    panel: Mapping[str, JudgeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "1")
    with pytest.raises(
        JudgeSetupError, match=r"^The panel's ann: CROSS_JUDGE_BUDGET_USD is 1, but judge-ann has no price"
    ):
        open_judging(load_settings())


# ---- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("panel_value", "said"),
    [
        ("ann", "CROSS_JUDGE_PANEL must name two judges or more, got 'ann'"),
        ("ann,", "CROSS_JUDGE_PANEL must hold names of letters and digits"),
        ("ann,bob,Ann", "CROSS_JUDGE_PANEL must name each judge once"),
        ("ann,bob,cyd,eve", "CROSS_JUDGE_PANEL names eve, but CROSS_PANEL_EVE_MODEL is not set"),
        ("ann,bob", "CROSS_PANEL_CYD_API_KEY is set, but CROSS_JUDGE_PANEL names no judge with such a setting"),
    ],
)
def test_a_wrong_panel_is_refused_in_a_sentence(
    panel: Mapping[str, JudgeServer], monkeypatch: pytest.MonkeyPatch, panel_value: str, said: str
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_PANEL", panel_value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CROSS_JUDGE_MODEL", "m", "CROSS_JUDGE_MODEL is set beside CROSS_JUDGE_PANEL, whose members have their own"),
        ("CROSS_JUDGE_ID", "m", "CROSS_JUDGE_ID is set beside CROSS_JUDGE_PANEL, .* such as CROSS_PANEL_ANN_ID"),
        ("CROSS_JUDGE", "offline", "CROSS_JUDGE is offline, which sits on no panel"),
        ("CROSS_PANEL_ANN_MODLE", "m", "did you mean CROSS_PANEL_ANN_MODEL?"),
        ("CROSS_PANEL_ANN_TIMEOUT", "0", "CROSS_PANEL_ANN_TIMEOUT must be greater than 0, got '0'"),
        ("CROSS_PANEL_ANN_ID", " ", "CROSS_PANEL_ANN_ID is set, but empty"),
    ],
)
def test_what_no_panel_has_is_refused_in_a_sentence(
    panel: Mapping[str, JudgeServer], monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_a_key_goes_with_its_address_and_to_no_other_server(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_server.models, one = ("m1",), judge_server.url
    given = {"CROSS_JUDGE_BASE_URL": one, "CROSS_JUDGE_API_KEY": "canary", "CROSS_JUDGE_PANEL": "a,b"}
    given |= {"CROSS_PANEL_A_MODEL": "m1", "CROSS_PANEL_B_MODEL": "m2", "CROSS_PANEL_B_BASE_URL": "http://two/v1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    a, b = (member.settings for member in load_settings().judge_panel)
    assert (a.judge_base_url, b.judge_base_url) == (one, "http://two/v1")
    assert a.judge_api_key is not None
    assert b.judge_api_key is None
    assert "canary" not in describe_settings(load_settings()) + repr(load_settings())
    with pytest.raises(
        JudgeSetupError, match=r"^The panel's b: CROSS_PANEL_B_BASE_URL is set, but CROSS_PANEL_B_API_KEY"
    ):
        open_judging(load_settings())


def test_a_panel_is_its_members_in_any_order_and_under_any_names(
    panel: Mapping[str, JudgeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = judge_identity(load_settings())
    monkeypatch.setenv("CROSS_JUDGE_PANEL", "cyd,ann,bob")
    assert judge_identity(load_settings()) == told
    monkeypatch.setenv("CROSS_PANEL_ANN_PROFILE", "joint")
    assert judge_identity(load_settings()) != told
    monkeypatch.setenv("CROSS_PANEL_ANN_PROFILE", "official")
    monkeypatch.setenv("CROSS_PANEL_ANN_MODEL", model_of("bob"))
    with pytest.raises(SettingsError, match="CROSS_JUDGE_PANEL names judge-bob twice"):
        judge_identity(load_settings())


@pytest.mark.long
def test_every_dimension_is_voted_on_alone(panel: Mapping[str, JudgeServer]) -> None:
    for outcomes in judged():
        assert tuple(outcomes) == DIMENSIONS
