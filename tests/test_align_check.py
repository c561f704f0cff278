"""`align check`: parts of the benchmark are found, and what can't be compared is not called clean."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lmms_eval_cross.align.benchmark import prepared_samples
from lmms_eval_cross.align.check import require_checked
from lmms_eval_cross.align.dataset import open_dataset, write_dataset
from lmms_eval_cross.align.examples import Example, ImageBlock, Scores, SftExample, TextBlock, Turn
from lmms_eval_cross.align.manifest import LeakCheck
from lmms_eval_cross.align.ngrams import BREAK, NgramIndex, batches
from lmms_eval_cross.align.perceptual import PictureIndex, join_hashes, view_hashes, window_hashes
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.images import StoredImage, check_bytes
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.errors import AlignError
from tests.align_data import make_example, make_image, make_origin, make_pair, make_prompt
from tests.command import cross, said

QUESTION = "I'm bringing white lilies to the birthday of my neighbour's mother; what shall I write on the card?"
JAPANESE = "友人のお母さんの誕生日に白い百合の花を持って行きます。カードには何と書けばよいでしょうか。"
HINDI = "मैं अपने पड़ोसी की माँ के जन्मदिन पर सफ़ेद फूल ले जा रहा हूँ, कार्ड पर क्या लिखूँ?"


@pytest.fixture
def whole(prepared: Prepared) -> Prepared:
    """The stand-in, as if the release had no more records."""
    path = prepared.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"expected": manifest["rows"]}), encoding="utf-8")
    return Prepared.load(prepared.folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def samples_of(prepared: Prepared) -> list[Sample]:
    return list(prepared_samples(prepared))


def asked(text: str, answer: str = "One waits until the host has begun.", **origin: str) -> SftExample:
    return SftExample(make_prompt(text), answer, make_origin(7, **origin))


def photo() -> Image.Image:
    """A picture with structure everywhere, unlike those of the stand-in."""
    return Image.effect_mandelbrot((300, 220), (-2.1, -1.2, 0.7, 1.2), 100).convert("RGB")


def png(picture: Image.Image, form: str = "PNG", **options: int) -> bytes:
    data = io.BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()


@pytest.mark.parametrize("text", [QUESTION, JAPANESE, HINDI])
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text,
        str.upper,
        lambda text: f"Hello, a question of mine. {text} Please keep it short, {'thank you. ' * 40}",
        lambda text: text.replace(" ", "\n  "),
        lambda text: text[len(text) // 2 :] + " " + text[: len(text) // 2],
    ],
)
def test_a_text_is_found_whatever_stands_around_it(edit: Callable[[str], str], text: str) -> None:
    index = NgramIndex(["Something else entirely, of another place.", text])
    (found,) = index.find(["Nothing to see.", edit(text)])
    assert (found.document, found.text) == (1, 1)
    assert found.share >= 0.6


def test_the_share_is_what_sets_of_substrings_give() -> None:
    def grams(text: str) -> set[str]:
        return {text[start : start + 12] for start in range(len(text) - 11)}

    text, document = (
        "the quick brown fox jumps over the lazy dog",
        "see the quick brown fox jump high over the lazy cat",
    )
    share = len(grams(text) & grams(document)) / len(grams(text))
    (found,) = NgramIndex([text]).find([document], least=0.01)
    assert found.share == pytest.approx(share)
    assert not NgramIndex([text]).find([document], least=share + 0.01)


def test_pieces_of_two_turns_do_not_make_a_text() -> None:
    index = NgramIndex(["abcdefghijklmnop"])
    assert index.find(["abcdefghijklmnop"])
    assert not index.find([f"abcdefgh{BREAK}ijklmnop", ""])
    assert not index.find(["abcdefgh", "ijklmnop"])


def test_texts_that_are_too_short_are_counted_and_never_found() -> None:
    index = NgramIndex(["", "何を?", "a text that is long enough"])
    assert index.too_short == 2
    assert not index.find(["何を?", "", "x"])
    assert not index.find([])
    assert not NgramIndex([]).find(["a text that is long enough"])


def test_batches_hold_every_document_once() -> None:
    documents = [(number, "x" * 1000) for number in range(1000)]
    made = list(batches(documents))
    assert [name for names, _ in made for name in names] == list(range(1000))
    assert len(made) > 2


@pytest.mark.long
@pytest.mark.parametrize(
    "edit",
    [
        lambda picture: png(picture, "JPEG", quality=40),
        lambda picture: png(picture.resize((150, 110))),
        lambda picture: png(picture.convert("L")),
        lambda picture: png(picture.crop((9, 5, 294, 214))),
        lambda picture: png(picture.crop((30, 22, 270, 198))),
        lambda picture: png(ImageOps.expand(picture, 20, "white")),
        lambda picture: png(ImageOps.mirror(picture)),
    ],
)
def test_a_changed_picture_is_found(edit: Callable[[Image.Image], bytes]) -> None:
    index = PictureIndex(join_hashes([window_hashes(make_image(3).data), window_hashes(png(photo()))]))
    likeness = index.find(view_hashes(edit(photo())))
    assert likeness is not None
    assert likeness.picture == 1


def test_a_plain_picture_is_like_none() -> None:
    white = png(Image.new("RGB", (300, 200), "white"))
    index = PictureIndex(join_hashes([window_hashes(white)]))
    assert index.find(view_hashes(white)) is None
    assert index.find(view_hashes(png(photo()))) is None


@pytest.mark.long
def test_data_without_the_benchmark_are_clean(whole: Prepared, folder: Path, tmp_path: Path) -> None:
    image = check_bytes(png(photo()), "photo")
    write_dataset(folder, "sft", [make_example(1, image), make_example(2)], [image])
    result = cross("align", "check", folder, "--json", tmp_path / "check.json")
    assert result.exit_code == 0, result.output
    assert "Clean." in result.output
    check = open_dataset(folder).manifest.leak_check
    assert (check.state, check.benchmark) == ("clean", whole.manifest.sha256_all)
    written = json.loads((tmp_path / "check.json").read_text(encoding="utf-8"))
    assert (written["state"], written["leaks"], written["examples"]) == ("clean", [], 2)
    require_checked(open_dataset(folder))


def planted(sample: Sample, image: StoredImage) -> Iterator[tuple[str, Example]]:
    """Ways for a sample to get into training data."""
    yield "query", asked(f"Dear all, {sample.query.upper()} Thanks!")
    yield "query", asked("What?", f"You asked: {sample.query}")
    yield "norm", asked("What?", f"Know this: {sample.norm}")
    yield "norm", asked("What?", norm=sample.norm)
    yield "original query", asked(f"{sample.original_query}")
    yield "picture", SftExample(make_prompt("What?", image), "Wait.", make_origin(7))
    yield "query", replace(make_pair(7), rejected=sample.query)


@pytest.mark.long
@pytest.mark.parametrize("way", range(7))
def test_every_way_into_the_data_is_found(way: int, whole: Prepared, folder: Path) -> None:
    sample = next(sample for sample in samples_of(whole) if sample.setting == "multilingual")
    image = whole.images.read(sample.image_sha256)
    what, example = list(planted(sample, image))[way]
    kind = "sft" if isinstance(example, SftExample) else "dpo"
    other = make_example(1) if kind == "sft" else make_pair(1)
    write_dataset(folder, kind, [other, example], [image])
    result = cross("align", "check", folder)
    assert result.exit_code == 1
    line = next(line for line in result.output.splitlines() if "made_up.jsonl:7" in line)
    assert what in line
    assert "Leaked: " in result.output
    assert open_dataset(folder).manifest.leak_check.numbers["leaked_examples"] == 1


def test_the_demo_is_always_compared_with(bare_environment: Path, folder: Path) -> None:
    sample = samples_of(prepare_demo(bare_environment))[0]
    image = prepare_demo(bare_environment).images.read(sample.image_sha256)
    write_dataset(folder, "sft", [SftExample(make_prompt(sample.query, image), "Wait.", make_origin(7))], [image])
    result = cross("align", "check", folder, "--allow-unverified")
    assert result.exit_code == 1
    assert "1 of 1 examples hold parts of the benchmark" in result.output
    assert f"{sample.sample_id}" in result.output
    assert "the same file" in result.output


GAPS = {
    "nothing prepared": "CROSS is not prepared",
    "prepared in part": "CROSS is prepared in part: casa_english has",
    "missing picture": "1 pictures are missing and can't be compared",
}


@pytest.mark.long
@pytest.mark.parametrize("gap", GAPS)
def test_what_can_not_be_compared_is_not_clean(gap: str, folder: Path, request: pytest.FixtureRequest) -> None:
    if gap != "nothing prepared":
        request.getfixturevalue("prepared" if gap == "prepared in part" else "whole")
    missing = SftExample((Turn("user", (TextBlock("What?"), ImageBlock(None, "7_0.jpg"))),), "Wait.", make_origin())
    write_dataset(folder, "sft", [missing if gap == "missing picture" else make_example(1)], [])
    result = cross("align", "check", folder)
    assert result.exit_code == 1
    assert f"Not verified: {GAPS[gap]}" in said(result)
    assert "Unverified: " in result.output
    assert cross("align", "check", folder, "--allow-unverified").exit_code == 0
    assert open_dataset(folder).manifest.leak_check.state == "unverified"


@pytest.mark.long
def test_a_copy_without_leaks_is_clean(whole: Prepared, folder: Path, tmp_path: Path) -> None:
    sample = samples_of(whole)[0]
    image, other = whole.images.read(sample.image_sha256), check_bytes(png(photo()), "photo")
    shown = SftExample(make_prompt("What?", image), "Wait.", make_origin(7))
    write_dataset(folder, "sft", [shown, make_example(1, other), asked(sample.query)], [image, other])
    assert cross("align", "check", folder, "--without-leaks", tmp_path / "rest").exit_code == 1
    rest = open_dataset(tmp_path / "rest")
    assert (len(rest), list(rest.images())) == (1, [other])
    assert rest.manifest.notes == ("2 examples with parts of the benchmark were left out",)
    assert rest.manifest.leak_check.state == "unchecked"
    assert cross("align", "check", tmp_path / "rest").exit_code == 0


@pytest.mark.parametrize(
    ("state", "allowed", "refusal"),
    [
        ("clean", {}, None),
        ("leaked", {}, "holds parts of the benchmark"),
        ("leaked", {"allow_unverified": True}, "holds parts of the benchmark"),
        ("leaked", {"allow_leaks": True}, None),
        ("unverified", {}, "not known to be free"),
        ("unverified", {"allow_leaks": True}, "not known to be free"),
        ("unverified", {"allow_unverified": True}, None),
        ("unchecked", {}, "not known to be free"),
    ],
)
def test_data_that_are_not_clean_need_the_users_word(
    state: str, allowed: dict[str, bool], refusal: str | None, folder: Path
) -> None:
    data = write_dataset(folder, "sft", [make_example(1)], []).mark(LeakCheck(state))  # type: ignore[arg-type]
    if refusal is None:
        require_checked(data, **allowed)
    else:
        with pytest.raises(AlignError, match=refusal):
            require_checked(data, **allowed)


def test_what_else_should_be_known_is_told(whole: Prepared, folder: Path) -> None:
    long = " ".join(f"word{number}" for number in range(60))
    examples = [
        asked(long, country="Norway", language="English", licence="CC BY-NC 4.0"),
        asked(f"{long} more", country="Norway", language="Bokmål", licence="CC BY 4.0"),
        asked(long, country="Norway", language="English", licence="CC BY-NC 4.0"),
        asked("What do the Japanese say?", part="exclusive"),
        replace(asked("Bad?"), verdicts=Scores("judge", 1, 1, 0, 1)),
    ]
    write_dataset(folder, "sft", examples, [])
    result = cross("align", "check", folder)
    assert result.exit_code == 0, result.output
    told = said(result)
    assert "Countries: Norway 60%, not told 40%" in told
    assert "Licences that forbid commercial use: CC BY-NC 4.0 (2)" in told
    assert "Without a licence: 2" in told
    assert "Called exclusive, yet speaking of a benchmark country: 1 (made_up.jsonl:7)" in told
    assert "Contradicted by their verdicts: 1" in told
    assert "Repeated exactly: 1; nearly: 2" in told


def test_a_folder_that_is_no_dataset_is_wrong_usage(tmp_path: Path) -> None:
    result = cross("align", "check", tmp_path)
    assert result.exit_code == 2
    assert "is no dataset folder" in said(result)


def test_real_texts_and_pictures_are_found(shared_data: Path, bare_environment: Path, folder: Path) -> None:
    assert cross("prepare", "--source", shared_data / "official_sample").exit_code == 0
    home = Prepared.load(bare_environment / "data" / (bare_environment / "data" / "current").read_text().strip())
    samples = samples_of(home)
    texts = {text for sample in samples for text in (sample.query, sample.norm, sample.original_query) if text}
    examples = [asked(f"Hello. {text.swapcase()} Bye.") for text in sorted(texts)]
    write_dataset(folder, "sft", [*examples, *map(make_example, range(10))], [])
    cross("align", "check", folder)
    assert open_dataset(folder).manifest.leak_check.numbers["leaked_examples"] == len(texts)
