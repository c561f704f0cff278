"""Reading the official JSON: what is refused, and the quirks of the release that are taken."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.benchmark.release import FILES, LANGUAGES, ReleaseFile
from lmms_eval_cross.data.official import ItemNames, SourceSample, clean_language, norm_id, read_records, to_samples
from lmms_eval_cross.errors import DataError

BY_NAME = {file.name: file for file in FILES}
ENGLISH, MULTILINGUAL = BY_NAME["casa_english"], BY_NAME["casa_multilingual"]
SAFEWORLD = BY_NAME["safeworld_english"]
URL = "https://raw.githubusercontent.com/haoyiq114/cross/refs/heads/main/images"


@pytest.fixture
def records(standin: Path) -> dict[str, list[dict[str, Any]]]:
    """The stand-in's records by split, free to be changed."""
    return {file.name: json.loads((standin / file.path).read_bytes()) for file in FILES}


def read(file: ReleaseFile, text: bytes | str | list[dict[str, Any]], folder: Path) -> list[SourceSample]:
    path = folder / "file.json"
    data = json.dumps(text) if isinstance(text, list) else text
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(to_samples(file, read_records(file, path), ItemNames()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not valid JSON"),
        (b"[{]", "is not valid JSON"),
        (b"<html>", "is not valid JSON"),
        (b'["\xff"]', "is not valid JSON"),
        (b"[" * 200_000, "is not valid JSON"),
        (b"[" + b"9" * 5000 + b"]", "is not valid JSON"),
        (b"[]", "must hold a list of records, got an empty list"),
        (b"{}", "must hold a list of records, got dict"),
        (b"null", "must hold a list of records, got NoneType"),
        (b"[1]", "record 1: "),
        (b'[{"index": "Iran_1", "query": "a", "query": "b"}]', "field query stands twice in record 'Iran_1'"),
    ],
)
def test_a_file_that_is_no_list_of_records_is_named(text: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^data/casa/english\.json") as error:
        read(ENGLISH, text, tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize("field", ["index", "orig_query", "violated_norm", "file_name", "query"])
@pytest.mark.parametrize("value", [None, 5, True, ["a"], {"a": 1}, "", " \t"])
def test_wrong_type_or_empty_text_names_file_record_and_field(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path, field: str, value: object
) -> None:
    records["casa_english"][3][field] = value
    with pytest.raises(DataError, match=rf"^data/casa/english\.json, record 4.*field {field} should"):
        read(ENGLISH, records["casa_english"], tmp_path)


@pytest.mark.parametrize(
    ("file", "field"),
    [
        *((ENGLISH, name) for name in ("index", "orig_query", "violated_norm", "file_name", "query")),
        *((MULTILINGUAL, name) for name in ("language", "translated_query")),
        *((SAFEWORLD, name) for name in ("violated_specific_norm", "country")),
    ],
)
def test_missing_field_names_file_record_and_field(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path, file: ReleaseFile, field: str
) -> None:
    del records[file.name][1][field]
    with pytest.raises(DataError, match=rf"^{file.path}, record 2.*: field {field} is missing"):
        read(file, records[file.name], tmp_path)


@pytest.mark.parametrize("index", ["Japan", "Japan_", "_3", "Japan_1/../2", "Japan_1\n", "Japan_1 ", "Japan_1b"])
def test_index_of_another_form_is_refused(records: dict[str, list[dict[str, Any]]], tmp_path: Path, index: str) -> None:
    records["casa_english"][0]["index"] = index
    with pytest.raises(DataError, match=r"record 1 .*(field index should|country '' is none)"):
        read(ENGLISH, records["casa_english"], tmp_path)


@pytest.mark.parametrize("country", ["Atlantis", "japan", "Saudi"])
def test_unknown_country_is_refused(records: dict[str, list[dict[str, Any]]], tmp_path: Path, country: str) -> None:
    records["casa_english"][0]["index"] = f"{country}_1"
    records["safeworld_english"][0]["country"] = country
    for file in (ENGLISH, SAFEWORLD):
        with pytest.raises(DataError, match=rf"record 1 \(.*\): country '{country}' is none of the release's 16"):
            read(file, records[file.name], tmp_path)


@pytest.mark.parametrize("label", ["Klingon", "Indonesiana", "Persian or Arabic", "english", "日本語"])
def test_label_that_names_no_language_or_two_is_refused(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path, label: str
) -> None:
    records["casa_multilingual"][2]["language"] = label
    with pytest.raises(DataError, match=r"record 3 \(Argentina_14\): field language .* names none, or several"):
        read(MULTILINGUAL, records["casa_multilingual"], tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "images/casa/a.png",
        "/etc/passwd",
        "file:///etc/passwd",
        f"{URL}/casa/../../../etc/passwd",
        f"{URL}/casa/..",
        f"{URL}/casa/.",
        f"{URL}/casa/",
        f"{URL}/casa/a/b.png",
        f"{URL}/casa/%2e%2e",
        f"{URL}/casa/..%2f..%2fetc%2fpasswd",
        f"{URL}/casa/..\\..\\boot.ini",
        f"{URL}/casa/%5c%5chost%5cshare",
        f"{URL}/casa/a\0.png",
        f"{URL}/casa/a.png\n",
        f"{URL}/casa/a.png?token=1",
        f"{URL}/casa/a.png#top",
        f"{URL}/safeworld/a.png",
        f"{URL}/other/a.png",
        f"{URL}/casa/{'a' * 300}.png",
    ],
)
def test_file_name_that_is_no_image_of_its_subset_is_refused(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path, name: str
) -> None:
    records["casa_english"][0]["file_name"] = name
    with pytest.raises(DataError, match=r"record 1 \(Japan_1\): field file_name .* is not a URL that ends in"):
        read(ENGLISH, records["casa_english"], tmp_path)


def test_half_a_character_is_refused(records: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    for field in ("query", "index"):
        changed = copy.deepcopy(records["casa_english"])
        changed[0][field] = "a\ud800"
        with pytest.raises(DataError, match=f"record 1.*field {field}"):
            read(ENGLISH, changed, tmp_path)


def test_a_fourth_wording_and_a_second_translation_are_refused(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    english, multilingual = records["casa_english"], records["casa_multilingual"]
    with pytest.raises(DataError, match=r"record 28 \(Japan_1\): the item stands there 4 times"):
        read(ENGLISH, [*english, english[0]], tmp_path)
    with pytest.raises(DataError, match=r"record 10 \(Japan_1\): the item stands there 2 times"):
        read(MULTILINGUAL, [*multilingual, multilingual[0]], tmp_path)


def test_image_is_named_by_the_url_whatever_its_host_and_escapes(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    records["casa_english"][0]["file_name"] = "http://mirror.example/x/images/casa/a%20b,%C3%A9.png"
    first = read(ENGLISH, records["casa_english"], tmp_path)[0]
    assert first.image_path == "images/casa/a b,é.png"


def test_unknown_fields_are_passed_over(records: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    records["casa_english"][0]["added"] = [1]
    assert len(read(ENGLISH, records["casa_english"], tmp_path)) == 27


def test_byte_order_mark_is_no_obstacle(standin: Path, tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + (standin / ENGLISH.path).read_bytes()
    assert len(read(ENGLISH, text, tmp_path)) == 27


@pytest.mark.parametrize(
    ("label", "language"),
    [
        ("Persian.", "Persian"),
        ("Indonesian.", "Indonesian"),
        ("Mandarin.", "Mandarin"),
        ("Mandarin Chinese", "Mandarin"),
        ("The most used language in Nigeria is Hausa.", "Hausa"),
        *((language, language) for language in sorted(LANGUAGES)),
    ],
)
def test_labels_of_the_release_are_cleaned(label: str, language: str) -> None:
    assert clean_language(label) == language


def test_the_raw_label_is_kept(records: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    labels = [read.sample.language_label for read in read(MULTILINGUAL, records["casa_multilingual"], tmp_path)]
    assert labels == [record["language"] for record in records["casa_multilingual"]]


def test_two_items_of_one_index_get_names_of_their_own_in_both_files(
    records: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    names = ItemNames()
    found = {}
    for file in (ENGLISH, MULTILINGUAL):
        path = tmp_path / f"{file.name}.json"
        path.write_text(json.dumps(records[file.name]))
        samples = [read.sample for read in to_samples(file, read_records(file, path), names)]
        found[file.setting] = {s.item: s.image_name for s in samples if s.item.startswith("Iran")}
    assert found["english"] == {"Iran_27": "web-iran-flowers-1.jpeg", "Iran_27b": "web-iran-flowers-2.png"}
    assert found["multilingual"] == found["english"]


def test_wording_is_the_place_among_equal_items(records: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    samples = [read.sample for read in read(ENGLISH, records["casa_english"], tmp_path)]
    assert [sample.wording for sample in samples] == [1] * 9 + [2] * 9 + [3] * 9
    assert samples[22].sample_id == "casa/english/Iran_27b/3"


def test_texts_are_taken_character_by_character(records: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    odd = "  Two  spaces,\r\n a\u200b break; e\u0301 is not \u00e9 — 👩‍👩‍👧 \u202e "
    for file, field in ((ENGLISH, "query"), (MULTILINGUAL, "translated_query")):
        records[file.name][0][field] = records[file.name][0]["violated_norm"] = odd
        sample = read(file, records[file.name], tmp_path)[0].sample
        assert (sample.query, sample.norm) == (odd, odd)


def test_norm_id_is_a_hash_of_the_norm_alone() -> None:
    assert norm_id("A rule — «kept».") == hashlib.sha256("A rule — «kept».".encode()).hexdigest()[:16]
