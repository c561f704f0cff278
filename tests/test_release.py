"""Facts of the release, on three copies: our small stand-in, a few real records, and a stand-in of full size."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.release import COUNTRIES, FILES, LANGUAGES
from lmms_eval_cross.data.official import norm_id
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.data.preparing import prepare
from tests.standin import CASA, SAFEWORLD

ITEMS_PER_COUNTRY = {
    "China": 39,
    "India": 32,
    "Iran": 29,
    "Japan": 27,
    "Saudi Arabia": 26,
    "Egypt": 24,
    "Indonesia": 24,
    "Mexico": 21,
    "Thailand": 21,
    "Argentina": 19,
    "Morocco": 19,
    "Nigeria": 11,
    "France": 9,
    "Brazil": 7,
    "Russia": 7,
    "Ethiopia": 6,
}


def silent(line: str) -> None:
    """Say nothing."""


def samples_of(prepared: Prepared) -> dict[str, list[Sample]]:
    return {
        file.name: [Sample.from_row(row) for row in pq.read_table(prepared.parquet(file.name)).to_pylist()]
        for file in FILES
    }


def raw_records(copy: Path) -> dict[str, list[dict[str, str]]]:
    return {file.name: json.loads((copy / file.path).read_bytes()) for file in FILES}


def assert_records_are_kept(copy: Path, prepared: Prepared) -> None:
    """What holds for every copy: nothing is lost, added, reordered or reworded."""
    for name, samples in samples_of(prepared).items():
        records = raw_records(copy)[name]
        for sample, record in zip(samples, records, strict=True):
            asked = "translated_query" if name.endswith("multilingual") else "query"
            norm = "violated_norm" if name.startswith("casa") else "violated_specific_norm"
            image = copy / "images" / sample.subset / record["file_name"].rsplit("/", 1)[1]
            assert (sample.query, sample.norm) == (record[asked], record[norm])
            assert (sample.original_query, sample.norm_id) == (record["orig_query"], norm_id(record[norm]))
            assert sample.item.rstrip("b") == record["index"]
            assert sample.country == record["index"].rsplit("_", 1)[0].replace("_", " ")
            assert sample.language_label == record.get("language", "English")
            assert sample.sample_id == f"{sample.subset}/{sample.setting}/{sample.item}/{sample.wording}"
            assert sample.image_sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
            assert {sample.country} <= COUNTRIES
            assert {sample.language} <= LANGUAGES
    ids = [sample.sample_id for samples in samples_of(prepared).values() for sample in samples]
    assert len(set(ids)) == len(ids)


def assert_images_are_whole(copy: Path, prepared: Prepared) -> None:
    used = {sample.image_sha256 for samples in samples_of(prepared).values() for sample in samples}
    stored = pq.read_table(prepared.images_path)
    assert sorted(stored["sha256"].to_pylist()) == sorted(used)
    for sha256 in used:
        image = prepared.images.read(sha256)
        assert image.mime == ("image/png" if image.data.startswith(b"\x89PNG") else "image/jpeg")
        assert prepared.images.open(sha256).mode == "RGB"


def test_small_standin_is_kept_as_it_is(standin: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path, str(standin), say=silent)
    assert prepared.manifest.rows == {
        "casa_english": 3 * len(CASA),
        "casa_multilingual": len(CASA),
        "safeworld_english": 3 * len(SAFEWORLD),
        "safeworld_multilingual": len(SAFEWORLD),
    }
    assert_records_are_kept(standin, prepared)
    assert_images_are_whole(standin, prepared)


def test_real_records_are_kept_as_they_are(shared_data: Path, tmp_path: Path) -> None:
    copy = shared_data / "official_sample"
    prepared = prepare(tmp_path, str(copy), say=silent)
    assert prepared.manifest.rows == {name: len(records) for name, records in raw_records(copy).items()}
    assert all(prepared.manifest.is_partial(file.name) for file in FILES)
    assert_records_are_kept(copy, prepared)
    assert_images_are_whole(copy, prepared)


@pytest.fixture(scope="module")
def full_size(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the release's counts and quirks, made-up texts and small images."""
    writer = shared_data.parent / "cross_like.py"
    if not writer.is_file():
        pytest.skip("cross_like.py does not lie beside CROSS_TEST_DATA: the full size is not tried")
    copy = tmp_path_factory.mktemp("full-size")
    subprocess.run([sys.executable, str(writer), str(copy), "--image-px", "24"], check=True)
    return copy


@pytest.fixture(scope="module")
def full(full_size: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The same, prepared."""
    return prepare(tmp_path_factory.mktemp("home"), str(full_size), say=silent)


@pytest.mark.long
def test_full_size_is_kept_as_it_is(full_size: Path, full: Prepared) -> None:
    assert_records_are_kept(full_size, full)
    assert_images_are_whole(full_size, full)


def test_full_size_has_the_counts_of_the_release(full: Prepared) -> None:
    assert full.manifest.rows == {
        "casa_english": 828,
        "casa_multilingual": 276,
        "safeworld_english": 135,
        "safeworld_multilingual": 45,
    }
    assert full.warnings == []
    assert not any(full.manifest.is_partial(file.name) for file in FILES)


def test_full_size_has_three_wordings_an_item(full: Prepared) -> None:
    samples = samples_of(full)
    for subset, items in (("casa", 276), ("safeworld", 45)):
        wordings = Counter(sample.wording for sample in samples[f"{subset}_english"])
        assert wordings == {1: items, 2: items, 3: items}
        assert {sample.wording for sample in samples[f"{subset}_multilingual"]} == {1}


def test_full_size_has_sixteen_countries_and_their_items(full: Prepared) -> None:
    samples = samples_of(full)
    items = Counter(s.country for name in ("casa_multilingual", "safeworld_multilingual") for s in samples[name])
    assert items == ITEMS_PER_COUNTRY


def test_full_size_has_fourteen_languages(full: Prepared) -> None:
    samples = samples_of(full)
    assert {s.language for name in samples if name.endswith("english") for s in samples[name]} == {"English"}
    assert {s.language for rows in samples.values() for s in rows} == LANGUAGES
    assert len(LANGUAGES) == 14


def test_full_size_has_169_norms_to_cluster_by(full: Prepared) -> None:
    samples = samples_of(full)
    serves = {}
    for subset in ("casa", "safeworld"):
        rows = samples[f"{subset}_multilingual"]
        assert {s.norm_id for s in rows} == {s.norm_id for s in samples[f"{subset}_english"]}
        serves[subset] = Counter(Counter(s.norm_id for s in rows).values())
    assert serves == {"casa": {1: 49, 2: 37, 3: 32, 4: 13, 5: 1}, "safeworld": {1: 30, 2: 6, 3: 1}}
    assert len({s.norm_id for rows in samples.values() for s in rows}) == 132 + 37


def test_full_size_stores_shared_images_once(full: Prepared) -> None:
    samples = samples_of(full)
    used = {
        subset: Counter(Counter(s.image_name for s in samples[f"{subset}_multilingual"]).values())
        for subset in ("casa", "safeworld")
    }
    assert used == {"casa": {1: 218, 2: 15, 3: 2, 4: 3, 5: 2}, "safeworld": {1: 39, 2: 3}}
    assert full.manifest.images == pq.read_metadata(full.images_path).num_row_groups == 240 + 42


def test_full_size_names_the_two_items_of_one_index_alike_in_both_settings(full: Prepared) -> None:
    samples, seen = samples_of(full), set()
    for name in ("Iran_27", "Iran_27b"):
        english = {(s.image_sha256, s.norm_id) for s in samples["casa_english"] if s.item == name}
        assert english == {(s.image_sha256, s.norm_id) for s in samples["casa_multilingual"] if s.item == name}
        seen |= english
    assert len({image for image, _ in seen}) == 2


def test_full_size_keeps_two_items_that_are_worded_alike(full: Prepared) -> None:
    first = {s.item: s for s in samples_of(full)["casa_english"] if s.wording == 1}
    assert first["Japan_7"].query == first["Japan_9"].query
    assert first["Japan_7"].sample_id != first["Japan_9"].sample_id
