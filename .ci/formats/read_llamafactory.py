"""Have LLaMA-Factory read the exports as its trainer does: `read_llamafactory.py FOLDER`, in its own environment."""

import json
import sys

from llamafactory.data.loader import _get_merged_dataset
from llamafactory.hparams import DataArguments, ModelArguments
from PIL import Image
from transformers import Seq2SeqTrainingArguments

seen = {}
for kind, stage in (("sft", "sft"), ("dpo", "rm")):
    folder = f"{sys.argv[1]}/llamafactory-{kind}"
    rows = _get_merged_dataset(
        ["cross_align"],
        ModelArguments(model_name_or_path="none"),
        DataArguments(dataset_dir=folder, media_dir=folder),
        Seq2SeqTrainingArguments(output_dir=f"{folder}/none", report_to="none", use_cpu=True),
        stage=stage,
    )
    seen[kind] = []
    for row in rows:
        turns = [[turn["role"], turn["content"]] for turn in row["_prompt"]]
        answers = [turn["content"] for turn in row["_response"]]
        pictures = [list(Image.open(path).size) for path in row["_images"] or []]
        seen[kind].append({"turns": turns, "answers": answers, "pictures": pictures})
print(json.dumps(seen))
