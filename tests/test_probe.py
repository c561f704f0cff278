"""The probe: what is wrong with the judge is known before a GPU works, in few requests."""

import socket

import pytest

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.probe import probe
from tests.judge_server import Answer, Asked, JudgeServer

MODEL = "gpt-4o-2024-08-06"
AT_ONCE = {"retry-after-ms": "1"}


def endpoint(server: JudgeServer, key: str | None = "sk-test") -> Endpoint:
    return Endpoint(server.url, key, "CROSS_JUDGE_API_KEY", False)


def asked(server: JudgeServer) -> list[str]:
    return [f"{one.method} {one.path}" for one in server.asked]


def closed(server: JudgeServer, *listed: str, status: int = 404) -> None:
    """Let the server show no model; with `listed`, let it list these."""
    rows = ",".join(f'{{"id": "{name}", "object": "model"}}' for name in listed)

    def about(asked: Asked) -> Answer:
        if listed and asked.path.endswith("/models"):
            return Answer(raw=f'{{"object": "list", "data": [{rows}]}}'.encode())
        return Answer(status=status, raw=b'{"detail": "Not Found"}', headers=AT_ONCE)

    server.about_models = about


@pytest.mark.long
def test_an_unreachable_port_ends_in_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(JudgeSetupError, match=f"endpoint {address} can't be reached; start it or mend"):
            probe(Endpoint(f"{address}/v1", "k", "CROSS_JUDGE_API_KEY", False), MODEL)


def test_a_wrong_key_costs_exactly_one_request(judge_server: JudgeServer) -> None:
    judge_server.keys = {"another"}
    with pytest.raises(JudgeSetupError, match=r"refuses the key in CROSS_JUDGE_API_KEY .*; set a valid one"):
        probe(endpoint(judge_server), MODEL)
    assert asked(judge_server) == [f"GET /v1/models/{MODEL}"]


def test_what_litellms_proxy_says_to_a_wrong_key_is_understood(judge_server: JudgeServer) -> None:
    """Without a database it answers 400 wherever it is asked, and does not speak of the key."""
    answer = Answer(status=400, error={"message": "No connected db.", "type": "no_db_connection", "code": "400"})
    judge_server.about_models = judge_server.script = lambda _: answer
    with pytest.raises(JudgeSetupError, match=r"refuses the key in CROSS_JUDGE_API_KEY \(No connected db.\)"):
        probe(endpoint(judge_server), MODEL)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_chat_and_not_list_models_is_a_good_one(judge_server: JudgeServer, status: int) -> None:
    closed(judge_server, status=status)
    judge_server.script = lambda _: Answer("1")
    probe(endpoint(judge_server), MODEL)
    assert len(judge_server.judged) == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat/completions/", "/v1/models"])
def test_an_address_with_the_path_of_a_call_is_refused_before_any_request(judge_server: JudgeServer, path: str) -> None:
    wrong = Endpoint(f"http://{judge_server.host}{path}", "k", "CROSS_JUDGE_API_KEY", False)
    with pytest.raises(JudgeSetupError, match=f"CROSS_JUDGE_BASE_URL ends in {path.rstrip('/')}.*as far as /v1"):
        probe(wrong, MODEL)
    assert judge_server.asked == []


def test_an_address_without_a_version_that_knows_no_chat_is_a_wrong_path(judge_server: JudgeServer) -> None:
    judge_server.about_models = lambda _: Answer(status=404, raw=b"404 page not found", headers=AT_ONCE)
    judge_server.script = lambda _: Answer(status=404, raw=b"404 page not found", headers=AT_ONCE)
    wrong = Endpoint(f"http://{judge_server.host}/api", "k", "CROSS_JUDGE_API_KEY", False)
    with pytest.raises(JudgeSetupError, match=r"knows no /api/chat/completions .404 page not found.; mend CROSS"):
        probe(wrong, MODEL)


@pytest.mark.long
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            "HTTP_PROXY",
            "http://me:secret@127.0.0.1:9",
            "the proxy http://127.0.0.1:9 of HTTP_PROXY; start the",
        ),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE is /nowhere/ca.pem, which can't be read as certificates"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", "names the proxy socks5://127.0.0.1:9, and a package for it is not inst"),
    ],
)
def test_what_stands_between_has_its_own_sentence(
    judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(JudgeSetupError, match=words) as told:
        probe(endpoint(judge_server), MODEL)
    assert "secret" not in str(told.value)


@pytest.mark.long
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'[{"error": {"code": 400, "message": "API key expired."}}]', "API key expired."),
        (b'{"detail": "Not enough\\nmemory"}', "Not enough memory"),
        (b'{"detail": [{"loc": ["body", "max_tokens"], "msg": "too large", "input": 9}]}', "max_tokens: too large"),
        (b'{"message": {"detail": [{"loc": ["body", "n"], "msg": "not permitted"}]}}', "n: not permitted"),
        (b'{"error": "model is loading"}', "model is loading"),
        (b"upstream is gone\n", "upstream is gone"),
        (b"<html><head><title>403 Forbidden</title></head><body>...</body></html>", "403 Forbidden"),
        (b'{"error": {"message": "\\u001b[31mred\\u0007"}}', "[31mred"),
        (b"", "made up|Bad Request"),
    ],
)
def test_the_endpoints_own_words_are_shown_whatever_the_body(judge_server: JudgeServer, raw: bytes, words: str) -> None:
    closed(judge_server)
    judge_server.script = lambda _: Answer(status=400, raw=raw)
    with pytest.raises(JudgeSetupError, match=words.replace("[", "\\[")) as told:
        probe(endpoint(judge_server), MODEL)
    assert str(told.value).isprintable()


def test_an_unknown_model_is_named_without_a_chat(judge_server: JudgeServer) -> None:
    with pytest.raises(JudgeSetupError, match=r"has no model 'gpt-x' .*set CROSS_JUDGE_MODEL to one that it serves"):
        probe(endpoint(judge_server), "gpt-x")
    assert asked(judge_server) == ["GET /v1/models/gpt-x"]


def test_a_known_model_costs_one_request_and_no_chat(judge_server: JudgeServer) -> None:
    probe(endpoint(judge_server), MODEL)
    assert asked(judge_server) == [f"GET /v1/models/{MODEL}"]


@pytest.mark.parametrize("status", [404, 405, 403, 501])
def test_where_models_are_closed_a_chat_of_one_token_tells(judge_server: JudgeServer, status: int) -> None:
    closed(judge_server, status=status)
    judge_server.script = lambda _: Answer("1")
    probe(endpoint(judge_server), MODEL)
    assert [one.body["max_tokens"] for one in judge_server.judged] == [1]


def test_a_server_that_only_lists_its_models_is_asked_for_the_list(judge_server: JudgeServer) -> None:
    closed(judge_server, "other", MODEL)
    probe(endpoint(judge_server), MODEL)
    assert asked(judge_server) == [f"GET /v1/models/{MODEL}", "GET /v1/models"]


def test_a_model_that_is_not_in_the_list_is_tried_all_the_same(judge_server: JudgeServer) -> None:
    closed(judge_server, "other")
    judge_server.script = lambda _: Answer("1")
    probe(endpoint(judge_server), MODEL)
    assert len(judge_server.judged) == 1
    with pytest.raises(JudgeSetupError, match="has no model 'gpt-x'"):
        probe(endpoint(judge_server), "gpt-x")


def test_a_reasoning_model_that_refuses_max_tokens_is_asked_its_own_way(judge_server: JudgeServer) -> None:
    closed(judge_server)
    unknown = {"message": "Unsupported parameter: 'max_tokens'", "code": "unsupported_parameter", "param": "max_tokens"}
    judge_server.script = lambda one: Answer(status=400, error=unknown) if "max_tokens" in one.body else Answer("1")
    probe(endpoint(judge_server), MODEL)
    assert [one.body.get("max_completion_tokens") for one in judge_server.judged] == [None, 16]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "answered 500 to a one-token chat with 'gpt-4o-2024-08-06' .made to fail.; mend"),
        (429, "answered 429 to a one-token chat"),
        (400, "answered 400 to a one-token chat"),
        (403, "answered 403 to a one-token chat"),
        (404, "has no model 'gpt-4o-2024-08-06'"),
    ],
)
def test_a_chat_that_fails_ends_in_a_sentence_after_few_requests(
    judge_server: JudgeServer, status: int, said: str
) -> None:
    closed(judge_server)
    judge_server.script = lambda _: Answer(status=status, headers=AT_ONCE)
    with pytest.raises(JudgeSetupError, match=said):
        probe(endpoint(judge_server), MODEL)
    assert 1 <= len(judge_server.judged) <= 4


@pytest.mark.long
@pytest.mark.parametrize("raw", [b"<html>hello</html>", b"{}", b"[]", b"null", b'{"data": [{}, null]}', b'{"data":'])
@pytest.mark.parametrize("closed_path", ["/v1/models/", "nothing"])
def test_a_page_instead_of_a_list_of_models_is_not_taken_for_one(
    judge_server: JudgeServer, raw: bytes, closed_path: str
) -> None:
    kind = "text/html" if raw.startswith(b"<") else "application/json"

    def page(asked: Asked) -> Answer:
        shown = not asked.path.startswith(closed_path)
        return Answer(raw=raw, status=200 if shown else 404, headers={"Content-Type": kind})

    judge_server.about_models = page
    judge_server.script = lambda _: Answer(status=404, headers=AT_ONCE)
    with pytest.raises(JudgeSetupError, match="has no model"):
        probe(endpoint(judge_server), MODEL)
    assert len(judge_server.judged) == 1


@pytest.mark.parametrize("raw", [b"<html>hello</html>", b'{"choices":', b"[]"])
def test_a_page_instead_of_a_chat_is_a_wrong_address(judge_server: JudgeServer, raw: bytes) -> None:
    kind = "text/html" if raw.startswith(b"<") else "application/json"
    closed(judge_server)
    judge_server.script = lambda _: Answer(raw=raw, headers={"Content-Type": kind})
    with pytest.raises(JudgeSetupError, match="something else than a chat completion; mend CROSS_JUDGE_BASE_URL"):
        probe(endpoint(judge_server), MODEL)


def test_a_server_without_keys_is_sent_none(judge_server: JudgeServer) -> None:
    closed(judge_server, "other")
    judge_server.script = lambda _: Answer("1")
    probe(endpoint(judge_server, key=None), MODEL)
    assert asked(judge_server) == [f"GET /v1/models/{MODEL}", "GET /v1/models", "POST /v1/chat/completions"]
    assert all("authorization" not in one.headers for one in judge_server.asked)
