"""Write the format examples in every format that a foreign reader is tried on: `write.py FOLDER`."""

import json
import sys
from pathlib import Path

from lmms_eval_cross.align.export import export_dataset
from tests.format_examples import READ, exported_lines, write_format_examples


def main(folder: Path) -> None:
    """An export for each tool and kind of data, in FOLDER/TOOL-KIND, and all their lines in FOLDER/lines.json."""
    lines: dict[str, dict[str, list[str]]] = {tool: {} for tool in READ}
    for kind in ("sft", "dpo"):
        data = write_format_examples(folder / f"data-{kind}", kind)
        for tool in (tool for tool, kinds in READ.items() if kind in kinds):
            export_dataset(data, tool, folder / f"{tool}-{kind}")
            lines[tool][kind] = exported_lines(folder / f"{tool}-{kind}")
    (folder / "lines.json").write_text(json.dumps(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
