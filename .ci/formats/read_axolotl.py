"""Have Axolotl read the export as its trainer does: `read_axolotl.py FOLDER`, in its own environment."""

import json
import os
import sys

from axolotl.processing_strategies import ProcessingStrategy
from datasets import load_dataset
from transformers.image_utils import load_image

os.chdir(f"{sys.argv[1]}/axolotl-sft")  # where it is started, and looks for pictures
rows = load_dataset("json", data_files="train.jsonl", split="train", cache_dir="cache")
seen = []
for row in ProcessingStrategy(processor=object())(list(rows)):
    turns, pictures = [], []
    for message in row["messages"]:
        text = ""
        for block in message["content"]:
            text += block.get("text", "<image>")
            if block["type"] == "image":
                pictures.append(list(load_image(block["path"]).size))
        turns.append([message["role"], text])
    seen.append({"turns": turns[:-1], "answers": [turns[-1][1]], "pictures": pictures})
print(json.dumps({"sft": seen}))
