"""Azure OpenAI: the deployment in the path, the version in the query, the key in its own header."""

from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import Outcome, Verdict
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.engine import JudgeEngine
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.judge.probe import probe
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.samples import make_sample


@pytest.fixture
def azure(judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> JudgeServer:
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", judge_server.url.removesuffix("/v1"))
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "azure-key")
    monkeypatch.setenv("CROSS_JUDGE_AZURE_API_VERSION", "2024-10-21")
    return judge_server


def test_an_api_version_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_AZURE_API_VERSION", "2024-10-21")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with pytest.raises(JudgeSetupError, match="CROSS_JUDGE_BASE_URL"):
        find_endpoint(load_settings())


def test_a_deployment_that_is_not_there_ends_the_probe(azure: JudgeServer) -> None:
    azure.models = ()
    with pytest.raises(JudgeSetupError, match="has no model"):
        probe(find_endpoint(load_settings()), "gpt-4o-2024-08-06")


def test_calls_go_to_the_deployment_with_key_and_version(azure: JudgeServer, rubric: Rubric, tmp_path: Path) -> None:
    azure.models = None
    azure.script = lambda asked: judge_by_answer(asked) if len(asked.body["messages"]) > 1 else Answer("1")
    settings = load_settings()
    probe(find_endpoint(settings), settings.judge_model)
    told: dict[str, Outcome] = {}
    ledger = Ledger(tmp_path / "ledger.sqlite")
    engine = JudgeEngine(EndpointJudge(settings), ledger, 4)
    job = Job(make_sample("Japan_1"), "An answer", rubric, lambda sha: StoredImage(sha, "image/png", b"x"))
    engine.submit(job, told.update)  # type: ignore[arg-type]
    engine.drain(show_progress=False)
    engine.close()
    ledger.close()
    assert all(isinstance(outcome, Verdict) for outcome in told.values())
    paths = {asked.path for asked in azure.asked}
    assert paths == {"/openai/deployments/gpt-4o-2024-08-06/chat/completions?api-version=2024-10-21"}
    assert all(_key(asked) == "azure-key" for asked in azure.asked)
    assert not any("authorization" in asked.headers for asked in azure.asked)


def _key(asked: Asked) -> str:
    return asked.headers["api-key"]
