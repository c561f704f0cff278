"""What goes over the wire in each profile, and how its replies are read."""

import ast
import base64
import hashlib
import io
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Usage, Verdict
from lmms_eval_cross.benchmark.rubric import Part, Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.data.scaled import ScaledImages, scale, seen_size, tiles
from lmms_eval_cross.errors import RubricError
from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.engine import Bounds, JudgeEngine
from lmms_eval_cross.judge.job import Job, judge_identity
from lmms_eval_cross.judge.json_reply import reasons
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.judge.request import IMAGE, Request, image_url
from lmms_eval_cross.judge.rescoring import rescore
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, Asked, JudgeServer
from tests.samples import make_sample

OFFICIAL = {"awareness": "Awareness", "education": "Education", "compliance": "Violation", "helpfulness": "Helpfulness"}
Judge = Callable[[str], dict[Dimension, Outcome]]


def encoded(kind: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 80).convert(mode).save(out, kind, **options)
    return out.getvalue()


def stored(data: bytes, mime: str = "image/png") -> StoredImage:
    return StoredImage(hashlib.sha256(data).hexdigest(), mime, data)


@pytest.fixture(scope="module")
def picture() -> StoredImage:
    return stored(encoded("PNG", (1600, 1000)))


SAMPLE = make_sample(
    "Japan_1",
    'In Japan, «this» is "kept".',
    setting="multilingual",
    language="Japanese",
    query="どれを選べば\nいいですか。{user_query}",
)
RESPONSE = 'Take {this} — "the\\n blue" one.\u2028\x00 <<TASK>> on: 😀'


@pytest.fixture
def judge(
    judged_by: JudgeServer, rubric: Rubric, picture: StoredImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """Judge one answer in a profile."""

    def run(profile: str, response: str = RESPONSE) -> dict[Dimension, Outcome]:
        monkeypatch.setenv("CROSS_JUDGE_PROFILE", profile)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        engine = JudgeEngine(EndpointJudge(load_settings()), ledger, 8, Bounds(backoff_seconds=0.01))
        told: dict[Dimension, Outcome] = {}
        sample = replace(SAMPLE, image_sha256=picture.sha256)
        engine.submit(Job(sample, response, rubric, lambda _: picture), told.update)
        engine.drain(show_progress=False)
        engine.close()
        ledger.close()
        return told

    return run


def scored(asked: Asked) -> Answer:
    """A judge with structured outputs: 1 for all, 0 for a violation."""
    schema = asked.body["response_format"]["json_schema"]["schema"]["properties"]
    one = {"rationale": "It says so. Score: 0", "score": 1}
    if "score" in schema:
        return Answer(json.dumps(one))
    return Answer(json.dumps({name: {**one, "score": int(name != "violation")} for name in schema}))


# ---------------------------------------------------------------- official, built a second time


def released_body(standin: Path, response: str, image: StoredImage, dimension: str) -> dict[str, Any]:
    """The request of the released script, by running the f-string of the user's copy itself."""
    tree = ast.parse((standin / "code" / "evaluation.py").read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    fields = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and sum(isinstance(part, ast.FormattedValue) for part in node.values) == 4
    )
    names = {
        "user_query": SAMPLE.query,
        "violated_norm": SAMPLE.norm,
        "model_output": response,
        "prompt": constants["DIMENSION_PROMPTS"][dimension],
    }
    text = eval(compile(ast.fix_missing_locations(ast.Expression(fields)), "f", "eval"), {}, names)
    url = f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"
    user = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    system = {"role": "system", "content": constants["SYSTEM_PROMPT"]}
    return {
        "messages": [system, {"role": "user", "content": user}],
        "model": "gpt-4o-2024-08-06",
        "temperature": 0,
    }


@pytest.mark.long
def test_official_sends_the_released_request_and_nothing_else(
    judge: Judge, judged_by: JudgeServer, standin: Path, picture: StoredImage
) -> None:
    judge("official")
    sent = {asked.dimension: asked.body for asked in judged_by.judged}
    assert sent == {name: released_body(standin, RESPONSE, picture, name) for name in OFFICIAL.values()}


def test_our_body_is_the_sdks_to_the_byte_but_for_the_order_of_its_keys(picture: StoredImage, rubric: Rubric) -> None:
    import httpx2
    from openai import OpenAI

    seen: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.content)
        return httpx2.Response(200, json={"choices": []})

    messages = PROFILES["official"].messages(rubric, ("awareness",), SAMPLE.query, SAMPLE.norm, RESPONSE, IMAGE)
    ours = Request(messages, {"temperature": 0}, image_url(picture)).encode("m", {"temperature": 0})
    filled = json.loads(json.dumps(messages).replace(IMAGE, image_url(picture).decode()))
    transport = httpx2.MockTransport(answer)
    with OpenAI(api_key="x", base_url="http://127.0.0.1/v1", http_client=httpx2.Client(transport=transport)) as client:
        client.chat.completions.create(model="m", messages=filled, temperature=0)
    (sdks,) = seen
    assert (json.loads(sdks), len(sdks)) == (json.loads(ours), len(ours))


def test_the_key_of_official_is_what_it_was_and_other_profiles_have_others(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = judge_identity(load_settings())
    assert (plain.profile, plain.request) == ("official", {"temperature": 0})
    job = Job(SAMPLE, "A", load_native_rubric(), lambda _: stored(b"x"))
    keys = {job.key(plain, "awareness").digest}
    for profile in ("cached", "joint"):
        monkeypatch.setenv("CROSS_JUDGE_PROFILE", profile)
        keys.add(job.key(judge_identity(load_settings()), "awareness").digest)
    assert len(keys) == 3


# ---------------------------------------------------------------- cached


def test_cached_calls_differ_behind_the_answer_only_and_three_follow_the_first(
    judge: Judge, judged_by: JudgeServer
) -> None:
    judged_by.script = scored
    told = judge("cached")
    assert judged_by.judged[0].dimension == "Awareness"
    users = [asked.body["messages"][1]["content"] for asked in judged_by.judged]
    assert all([part["type"] for part in user] == ["image_url", "text"] for user in users)
    texts = [asked.text for asked in judged_by.judged]
    shared = next(n for n in range(len(texts[0])) if len({text[n] for text in texts}) > 1)
    assert RESPONSE in texts[0][:shared]
    assert {type(outcome) for outcome in told.values()} == {Verdict}
    assert [told[name].score for name in DIMENSIONS] == [1, 1, 0, 1]  # type: ignore[union-attr]


def test_an_endpoint_without_structured_outputs_is_asked_in_text(judge: Judge, judged_by: JudgeServer) -> None:
    def script(asked: Asked) -> Answer:
        if "response_format" in asked.body:
            return Answer(status=400, error={"message": "response_format json_schema is not supported"})
        return Answer("Seen. Score: 1")

    judged_by.script = script
    told = judge("cached")
    assert sum("response_format" in asked.body for asked in judged_by.judged) == 1
    assert {outcome.quirks for outcome in told.values()} == {("no_schema",)}
    assert [told[name].score for name in DIMENSIONS] == [1, 1, 0, 1]  # type: ignore[union-attr]


@pytest.mark.long
def test_a_cache_key_goes_to_openai_and_to_nobody_else(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = scored
    judge("cached")
    assert not any("prompt_cache_key" in asked.body for asked in judged_by.judged)


def test_a_rubric_with_the_dimension_before_the_answer_is_refused(rubric: Rubric) -> None:
    turned = replace(rubric, parts=(Part(field="prompt"), *rubric.parts))
    with pytest.raises(RubricError, match="CROSS_JUDGE_PROFILE=official"):
        PROFILES["cached"].messages(turned, ("awareness",), "q", "n", "r", "u")


# ---------------------------------------------------------------- joint


@pytest.mark.long
@pytest.mark.parametrize("reply", ["Score: 1", "[]", "{}", '{"awareness": 1}', '{"awareness": {"rationale": "x"}}'])
def test_a_joint_reply_without_scores_is_unparsable_on_every_dimension(
    judge: Judge, judged_by: JudgeServer, reply: str
) -> None:
    judged_by.script = lambda asked: Answer(reply)
    told = judge("joint")
    assert {o.reason for o in told.values() if isinstance(o, JudgeFailure)} == {"unparsable"}
    assert len(told) == 4
    assert len(judged_by.judged) == 2


@pytest.mark.parametrize("score", [2, -1, 0.5, "yes", True])
def test_a_joint_score_off_the_menu_is_a_failure_of_its_dimension_alone(rubric: Rubric, score: object) -> None:
    one = {"rationale": "r", "score": 1}
    reply = json.dumps({"awareness": one, "education": {**one, "score": score}, "violation": one, "helpfulness": one})
    said = PROFILES["joint"].read(rubric, DIMENSIONS, reply)
    assert [getattr(said[name], "reason", None) for name in DIMENSIONS] == [None, "off_menu", None, None]


def test_joint_is_one_call_billed_once(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = scored
    told = judge("joint")
    assert len(judged_by.judged) == 1
    text = judged_by.judged[0].text
    assert all(f"<<DIM:{name}>>" in text for name in OFFICIAL.values())
    assert [told[name].score for name in DIMENSIONS] == [1, 1, 1, 1]  # type: ignore[union-attr]
    assert sum((outcome.usage for outcome in told.values()), Usage()) == Usage(100, 0, 20, 0)


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cached", "joint"])
def test_a_json_reply_is_kept_whole_so_that_its_scores_can_be_read_again(
    judge: Judge, judged_by: JudgeServer, tmp_path: Path, profile: str
) -> None:
    judged_by.script = scored
    told = judge(profile)
    replies = {name: getattr(outcome, "rationale", "") for name, outcome in told.items()}
    assert all(json.loads(reply) for reply in replies.values())
    assert {reasons(reply, name)[:20] for name, reply in replies.items()} == {"It says so. Score: 0"}
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        assert not verify(ledger, rescore).differing
        ledger.change("UPDATE verdict SET score = 1 - score WHERE dimension IN ('compliance', 'education')")
        assert len(verify(ledger, rescore).differing) == 2


@pytest.mark.parametrize("profile", ["cached", "joint"])
def test_of_a_rationale_alone_no_score_is_guessed(profile: Literal["cached", "joint"]) -> None:
    for kept in ("It breaks the norm, so 0.", "I would give a score of 1 here.", '{"rationale": "x"}'):
        assert rescore(PROFILES[profile].version, "0" * 64, "compliance", kept) is None


def test_joint_verdicts_are_found_again(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = scored
    assert judge("joint") == judge("joint")
    assert len(judged_by.judged) == 1


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    ("size", "count"),
    [((1, 1), 1), ((512, 512), 1), ((513, 512), 2), ((1024, 1024), 4), ((2048, 4096), 6), ((4096, 8192), 6)],
)
def test_tiles_are_counted_as_openai_documents_them(size: tuple[int, int], count: int) -> None:
    assert tiles(*size) == count


def test_a_scaled_picture_has_the_same_tiles() -> None:
    sizes = [(w, h) for w in range(1, 5000, 173) for h in range(1, 5000, 211)]
    assert all(tiles(*seen_size(*size)) == tiles(*size) for size in sizes)


@pytest.mark.long
def test_a_large_picture_becomes_a_small_upright_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    original = stored(encoded("JPEG", (3000, 2000), "CMYK", exif=exif), "image/jpeg")
    small = scale(original)
    with Image.open(io.BytesIO(small.data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (768, 1152))
    assert small.sha256 == original.sha256
    assert len(small.data) < len(original.data) / 2


def test_a_small_plain_picture_is_sent_as_it_is() -> None:
    original = stored(encoded("JPEG", (300, 200), quality=60), "image/jpeg")
    assert scale(original) is original


def test_a_picture_is_scaled_once(tmp_path: Path, picture: StoredImage) -> None:
    images, read = ScaledImages(tmp_path / "scaled"), []

    def original(sha256: str) -> StoredImage:
        read.append(sha256)
        return picture

    first = images.read(picture.sha256, original)
    assert images.read(picture.sha256, original) == first
    assert read == [picture.sha256]
    assert [path.suffix for path in (tmp_path / "scaled").iterdir()] == [".jpg"]


@pytest.mark.long
def test_official_sends_the_original_bytes_and_the_others_scaled_ones(
    judge: Judge, judged_by: JudgeServer, picture: StoredImage
) -> None:
    judge("official")
    official = {asked.image for asked in judged_by.judged}
    assert official == {f"data:image/png;base64,{base64.b64encode(picture.data).decode()}"}
    judged_by.script = scored
    judge("joint")
    joint = judged_by.judged[-1].image
    with Image.open(io.BytesIO(base64.b64decode(joint.partition(",")[2]))) as image:
        assert image.size == (1229, 768)
