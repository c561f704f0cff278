"""Write the JSON schemas of what `compare --json` and `report --json` write, from their types: `write_schemas.py`."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from lmms_eval_cross.compare.gate_document import CompareDocument
from lmms_eval_cross.report.report_document import ReportDocument

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = {
    ROOT / "docs" / "compare.schema.json": ("lmms-eval-cross compare --json", CompareDocument),
    ROOT / "lmms_eval_cross" / "report" / "schema.json": ("lmms-eval-cross report --json", ReportDocument),
}


class PlainSchema(GenerateJsonSchema):
    """JSON Schema 2020-12 without a title a field, which would only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def schema_text(title: str, document: type) -> str:
    """The schema of a document's type, as its file holds it."""
    schema = TypeAdapter(document).json_schema(schema_generator=PlainSchema)
    head = {"$schema": PlainSchema.schema_dialect, "title": title}
    for part in schema["$defs"].values():
        part.pop("title", None)
    return json.dumps({**head, **{key: value for key, value in schema.items() if key != "title"}}, indent=1) + "\n"


if __name__ == "__main__":
    for path, (title, document) in SCHEMAS.items():
        path.write_text(schema_text(title, document), encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")
