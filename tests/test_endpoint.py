"""Address and key fall back together, and no key travels where it does not belong."""

import pytest

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.endpoint import OPENAI_URL, Endpoint, find_endpoint
from lmms_eval_cross.judge.probe import probe
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, Asked, JudgeServer

CANARY = "sk-canary-0123456789"


def found(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Endpoint:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return find_endpoint(load_settings())


def test_no_key_at_all_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JudgeSetupError, match="no key for the judge gpt-4o-2024-08-06 at OpenAI; set OPENAI_API_KEY"):
        found(monkeypatch)


def test_openai_takes_no_calls_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JudgeSetupError, match="no key for the judge"):
        found(monkeypatch, CROSS_JUDGE_API_KEY="none")


def test_openais_key_is_not_sent_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JudgeSetupError, match="OPENAI_API_KEY is never sent to another server") as caught:
        found(monkeypatch, CROSS_JUDGE_BASE_URL="http://host/v1", OPENAI_API_KEY=CANARY)
    assert CANARY not in repr(caught.value)


def test_without_a_base_url_it_is_openai_whatever_openai_base_url_says(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = found(monkeypatch, OPENAI_API_KEY=CANARY, OPENAI_BASE_URL="http://model-under-test/v1")
    assert (endpoint.base_url, endpoint.key, endpoint.key_from) == (OPENAI_URL, CANARY, "OPENAI_API_KEY")
    assert endpoint.is_openai
    assert CANARY not in repr(endpoint)


def test_the_judges_own_key_goes_before_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = found(monkeypatch, OPENAI_API_KEY="sk-other", CROSS_JUDGE_API_KEY=CANARY)
    assert (endpoint.base_url, endpoint.key, endpoint.key_from) == (OPENAI_URL, CANARY, "CROSS_JUDGE_API_KEY")


def test_the_host_is_all_that_a_ledger_learns_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = found(monkeypatch, CROSS_JUDGE_BASE_URL="https://Gate.example:8443/team/v1", CROSS_JUDGE_API_KEY="k")
    assert endpoint.host == "https://gate.example:8443"


ACCOUNT = {
    "OPENAI_API_KEY": f"{CANARY}-key",
    "OPENAI_ADMIN_KEY": f"{CANARY}-admin",
    "OPENAI_ORG_ID": f"{CANARY}-org",
    "OPENAI_PROJECT_ID": f"{CANARY}-project",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_CUSTOM_HEADERS": f"X-Gateway: {CANARY}-gateway\nAuthorization: Bearer {CANARY}-custom",
}


@pytest.mark.parametrize("key", ["sk-own", "none"])
def test_nothing_of_the_openai_account_is_sent_elsewhere(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    judge_server.about_models = lambda _: Answer(status=404, raw=b"{}")
    judge_server.script = lambda _: Answer("1")
    server = {"CROSS_JUDGE_BASE_URL": judge_server.url, "CROSS_JUDGE_API_KEY": key}
    probe(found(monkeypatch, **ACCOUNT, **server), "gpt-4o-2024-08-06")
    assert [asked.method for asked in judge_server.asked] == ["GET", "GET", "POST"]
    assert {asked.headers.get("authorization") for asked in judge_server.asked} == {
        None if key == "none" else "Bearer sk-own"
    }
    assert CANARY not in repr([asked.headers for asked in judge_server.asked])


def test_a_key_that_the_server_quotes_is_masked(judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_server.keys = {"another"}
    server = {"CROSS_JUDGE_BASE_URL": judge_server.url, "CROSS_JUDGE_API_KEY": CANARY}
    with pytest.raises(JudgeSetupError, match=r"refuses the key in CROSS_JUDGE_API_KEY .*provided: \*\*\*") as caught:
        probe(found(monkeypatch, **server), "m")
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_redirect_does_not_carry_the_key_to_another_host(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with JudgeServer() as other:

        def elsewhere(asked: Asked) -> Answer:
            return Answer(status=307, raw=b"", headers={"Location": other.url + asked.path.removeprefix("/v1")})

        judge_server.about_models = elsewhere
        server = {"CROSS_JUDGE_BASE_URL": judge_server.url, "CROSS_JUDGE_API_KEY": CANARY}
        probe(found(monkeypatch, **server), "gpt-4o-2024-08-06")
        assert "authorization" not in other.asked[0].headers
