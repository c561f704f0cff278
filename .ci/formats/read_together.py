"""Have Together's SDK check the exports as before an upload: `read_together.py FOLDER`, in its environment."""

import json
import sys
from pathlib import Path

from together.lib.utils.files import check_file

seen = {}
for kind in ("sft", "dpo"):
    (file,) = Path(sys.argv[1], f"together-{kind}").glob("*.jsonl")
    report = check_file(file)
    seen[kind] = {name: report[name] for name in ("is_check_passed", "message", "num_samples")}
print(json.dumps(seen))
