"""Have ms-swift read the exports as its trainer does: `read_ms_swift.py FOLDER`, in its own environment."""

import json
import os
import sys
from pathlib import Path

exports = Path(sys.argv[1])
seen = {}
for kind in ("sft", "dpo"):
    folder = exports / f"ms-swift-{kind}"
    os.environ["ROOT_IMAGE_DIR"] = str(folder)  # read at each picture
    from swift.dataset import load_dataset
    from swift.template.template_inputs import TemplateInputs
    from swift.template.vision_utils import load_image

    rows, _ = load_dataset([str(next(folder.glob("*.jsonl")))], strict=True, load_from_cache_file=False)
    seen[kind] = []
    for row in rows:
        inputs = TemplateInputs.from_dict(dict(row))
        sides = [inputs.chosen] if inputs.rejected is None else [inputs.chosen, inputs.rejected]
        turns = [[turn["role"], turn["content"]] for turn in inputs.chosen.messages[:-1]]
        answers = [side.messages[-1]["content"] for side in sides]
        pictures = [list(load_image(image["path"]).size) for image in inputs.chosen.images]
        seen[kind].append({"turns": turns, "answers": answers, "pictures": pictures})
print(json.dumps(seen))
