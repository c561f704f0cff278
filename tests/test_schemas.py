"""The JSON schemas come from the types, and decide as the hand-written ones of 0.1 did."""

import json
import re
import runpy
from importlib.metadata import version
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import ROOT
from tests.schema_corpus import accepted, documents, drawn

pytestmark = pytest.mark.long

SCHEMAS = {"compare": ROOT / "docs" / "compare.schema.json", "report": ROOT / "lmms_eval_cross/report/schema.json"}
STRICTER = {
    "compare": re.compile("(?!)"),
    # `{"type": "object"}` let any provenance through; the type knows its fields, the same as in `compare --json`.
    "report": re.compile(r"0:models/0/provenance/[^:]+: .*"),
}
"""Where the schema from the types refuses what the hand-written one let through, with the reason."""
EVERY_KIND = pytest.mark.parametrize("kind", SCHEMAS)


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads(SCHEMAS[kind].read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schemas_are_what_make_schemas_writes() -> None:
    locked = re.search(r"^pydantic==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if locked is None or locked[1] != version("pydantic"):
        pytest.skip("pydantic is not the locked one: another may order or spell a schema otherwise")
    writer = runpy.run_path(str(ROOT / ".ci" / "write_schemas.py"))
    assert set(writer["SCHEMAS"]) == {Path(path) for path in SCHEMAS.values()}
    for path, (title, document) in writer["SCHEMAS"].items():
        assert path.read_text(encoding="utf-8") == writer["schema_text"](title, document), "type `make schemas`"


@EVERY_KIND
def test_what_was_written_before_is_valid(kind: str) -> None:
    for document in documents(kind):
        validator(kind).validate(document)


@EVERY_KIND
def test_changed_documents_are_decided_as_by_the_schemas_written_by_hand(kind: str) -> None:
    changed, decides, before = drawn(kind), validator(kind), accepted(kind)
    assert len(changed) >= 100
    now = {name for name, document in changed if decides.is_valid(document)}
    assert now <= before
    assert {name for name in before - now if not STRICTER[kind].fullmatch(name)} == set()
    assert 0 < len(now) < len(changed)
