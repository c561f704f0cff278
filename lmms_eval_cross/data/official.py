"""Read the official JSON: every record checked, no text changed, the known quirks of the release taken."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross.benchmark.records import Sample, Subset, norm_id
from lmms_eval_cross.benchmark.release import COUNTRIES, LANGUAGES, ReleaseFile
from lmms_eval_cross.errors import DataError
from lmms_eval_cross.outside import MOST_BYTES, read_bytes

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Index = Annotated[str, Field(pattern=r"^[A-Za-z_]+_[0-9]+$")]

MAX_NAME_BYTES: Final = 200
_IMAGE_URL: Final = re.compile(r"https?://[^?#]+/images/(?P<subset>[a-z]+)/(?P<name>[^?#]+)")
_SAFE_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+")


class Record(BaseModel):
    """What the records of both subsets share; keys that are not named here are passed over."""

    model_config = ConfigDict(strict=True, frozen=True)

    index: Index
    orig_query: Text
    query: Text
    file_name: Text
    language: Text | None = None
    translated_query: Text | None = None

    @property
    def shown_norm(self) -> str:
        """The norm that the judge is shown."""
        raise NotImplementedError

    @property
    def named_country(self) -> str:
        """The country, with a space where the index has an underscore."""
        raise NotImplementedError


class CasaRecord(Record):
    """A record of `data/casa/*.json`; it has no country but in its index."""

    violated_norm: Text

    @property
    def shown_norm(self) -> str:
        """The norm that the judge is shown."""
        return self.violated_norm

    @property
    def named_country(self) -> str:
        """The country: the index without its number (`Saudi_Arabia_3`)."""
        return self.index.rsplit("_", 1)[0].replace("_", " ")


class SafeWorldRecord(Record):
    """A record of `data/safeworld/*.json`."""

    violated_specific_norm: Text
    country: Text

    @property
    def shown_norm(self) -> str:
        """The norm that the judge is shown."""
        return self.violated_specific_norm

    @property
    def named_country(self) -> str:
        """The country as the record names it."""
        return self.country.replace("_", " ")


_RECORDS: Final[dict[Subset, type[Record]]] = {"casa": CasaRecord, "safeworld": SafeWorldRecord}
"""How a record of each of the release's subsets reads."""


@dataclass(frozen=True, slots=True)
class SourceSample:
    """A sample whose image is still a path in the official layout."""

    sample: Sample
    """With an empty `image_sha256`."""
    image_path: str
    """`images/<subset>/<name>`"""


def clean_language(label: str) -> str | None:
    """The one language that a label of the release names (`Mandarin Chinese`, `Persian.`), None if not one."""
    named = [language for language in LANGUAGES if re.search(rf"\b{language}\b", label)]
    if len(named) != 1:
        return None
    return named[0]


def read_records(file: ReleaseFile, path: Path) -> list[Record]:
    """The checked records of one JSON file, in order.

    Raises:
        DataError: the file, record and field that break the format.
    """
    model = _RECORDS[file.subset]
    records: list[Record] = []
    for number, raw in enumerate(_read_list(file, path)):
        try:
            records.append(model.model_validate(raw))
        except ValidationError as error:
            raise DataError(f"{_place(file, number, raw)}: {_first_problem(error)}") from None
    return records


def to_samples(file: ReleaseFile, records: list[Record], items: "ItemNames") -> Iterator[SourceSample]:
    """The samples of one file, in order.

    The n-th occurrence of an item is wording n, since nothing in the record names the wording.

    Raises:
        DataError: a country, language, image name or number of wordings that the release does not know.
    """
    times: Counter[str] = Counter()
    for number, record in enumerate(records):
        place = _place(file, number, {"index": record.index})
        item = items.name_of(record)
        times[item] += 1
        yield _to_sample(file, record, item, times[item], place)


class ItemNames:
    """Names for the items of a subset: the index, and a letter where two items share one.

    The English and the multilingual file of a subset must be named by the same instance.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str, str], str] = {}
        self._shared: Counter[str] = Counter()

    def name_of(self, record: Record) -> str:
        """`Iran_27` for the first item of that index, `Iran_27b` for the second."""
        identity = (record.index, record.file_name, record.orig_query)
        if identity not in self._names:
            name, earlier = record.index, self._shared[record.index]
            if earlier > 0:
                name += chr(ord("a") + earlier)
            self._shared[record.index] += 1
            self._names[identity] = name
        return self._names[identity]


def _to_sample(file: ReleaseFile, record: Record, item: str, wording: int, place: str) -> SourceSample:
    if wording > file.wordings:
        raise DataError(f"{place}: the item stands there {wording} times; remove what was added.")
    label = _language_label(file, record, place)
    image = _image_name(file, record, place)
    sample = Sample(
        sample_id=f"{file.subset}/{file.setting}/{item}/{wording}",
        subset=file.subset,
        setting=file.setting,
        item=item,
        wording=wording,
        country=_country(record, place),
        language=_language(label, place),
        language_label=label,
        norm_id=norm_id(record.shown_norm),
        norm=record.shown_norm,
        query=_query(file, record, place),
        image_sha256="",
        image_name=image,
        original_query=record.orig_query,
    )
    return SourceSample(sample, f"images/{file.subset}/{image}")


def _query(file: ReleaseFile, record: Record, place: str) -> str:
    if file.setting == "english":
        return record.query
    if record.translated_query is None:
        raise DataError(f"{place}: field translated_query is missing; get the file anew.")
    return record.translated_query


def _language_label(file: ReleaseFile, record: Record, place: str) -> str:
    if file.setting == "english":
        return "English"
    if record.language is None:
        raise DataError(f"{place}: field language is missing; get the file anew.")
    return record.language


def _language(label: str, place: str) -> str:
    language = clean_language(label)
    if language is None:
        raise DataError(f"{place}: field language {label!r} names none, or several, of the release's 14 languages.")
    return language


def _country(record: Record, place: str) -> str:
    if record.named_country not in COUNTRIES:
        raise DataError(f"{place}: country {record.named_country!r} is none of the release's 16.")
    return record.named_country


def _image_name(file: ReleaseFile, record: Record, place: str) -> str:
    match = _IMAGE_URL.fullmatch(record.file_name)
    name = ""
    if match and match["subset"] == file.subset:
        name = unquote(match["name"])
    if not _is_plain(name):
        raise DataError(
            f"{place}: field file_name {record.file_name!r} is not a URL that ends in images/{file.subset}/NAME; "
            "get the file anew or mend it."
        )
    return name


def _is_plain(name: str) -> bool:
    """Whether a name can only be that of a file in the folder it is looked for in."""
    fits = len(name.encode()) <= MAX_NAME_BYTES
    return fits and _SAFE_NAME.fullmatch(name) is not None and name not in {".", ".."}


def _read_list(file: ReleaseFile, path: Path) -> list[Any]:
    try:
        raw = json.loads(read_bytes(path, MOST_BYTES), object_pairs_hook=_without_repeats)
    except OSError as error:
        raise DataError(f"{file.path} can't be read ({error.strerror}); make it readable.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.path} is not valid JSON ({error}); get the file anew.") from None
    for number, record in enumerate(raw if isinstance(raw, list) else []):
        if _has_half_a_character(record):
            where = f"{_place(file, number, record)}: {_halved_field(record)}"
            raise DataError(f"{where} holds half a character; get the file anew.")
    if not isinstance(raw, list) or not raw:
        raise DataError(f"{file.path} must hold a list of records, got {_shape(raw)}; get the file anew.")
    return raw


def _halved_field(record: Any) -> str:
    """Where half a character stands, in words."""
    if isinstance(record, dict):
        for name, value in record.items():
            if _has_half_a_character(value):
                return f"field {name}"
    return "a text"


def _has_half_a_character(record: object) -> bool:
    """Whether a text has a lone surrogate, which JSON can write and UTF-8 can't."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; Python's reader would keep the last of two equal keys and say nothing."""
    record = dict(pairs)
    if len(record) < len(pairs):
        times = Counter(key for key, _ in pairs)
        twice = next(key for key, count in times.items() if count > 1)
        raise ValueError(f"field {twice} stands twice in record {record.get('index')!r}")
    return record


def _shape(raw: object) -> str:
    if raw == []:
        return "an empty list"
    return type(raw).__name__


def _place(file: ReleaseFile, number: int, raw: object) -> str:
    """Which record of a file, for a message; what stands there as its index may be anything."""
    place = f"{file.path}, record {number + 1}"
    if not isinstance(raw, Mapping) or not isinstance(raw.get("index"), str):
        return place
    index = raw["index"]
    if not index.isidentifier():
        index = ascii(index)
    return f"{place} ({index})"


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "the record"
    rule = "is missing"
    if first["type"] != "missing":
        rule = re.sub(r"^\w+ should", "should", first["msg"])
    return f"field {field} {rule}; get the file anew or mend it."
