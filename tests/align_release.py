"""A small copy of CROSS's training files: made-up text in the shapes of the release, and of CVQA to join it with."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.align_data import make_image

URL = "https://raw.githubusercontent.com/haoyiq114/cross/refs/heads/main/images/cvqa"
Options = tuple[str, str, str, str]
QUESTIONS: list[tuple[str, str, Options, int]] = [
    ("1000000000000000001_0", "Which bread lies on the cloth?", ("Rye", "Corn", "Wheat", "Oat"), 0),
    ("1000000000000000001_1", "Who weaves such a cloth?", ("Sailors", "Smiths", "Weavers", "Bakers"), 2),
    ("1000000000000000002_0", "What stands by the door?", ("A bench", "A bench", "A jar", "A drum"), 1),
    ("1000000000000000003_0", "Which bird sits on the roof?", ("Бlack crow", "Stork", "Dove", "Owl"), 3),
]
ELSEWHERE = ("not-an-id_0", "Which hat does the rider wear?", ("Felt", "Straw", "Silk", "Fur"), 1)
SAFETY: list[tuple[str, str]] = [
    (
        "I put my shoes on the low table. Which tea goes with the cake?",
        "Shoes on a table offend hosts here; then: mint.",
    ),
    ("I left early. What does the mask in the picture stand for?", "The mask in the image stands for an ancestor."),
    ("I ate before my host. How is the soup made?", "It is a Javanese soup of Indonesia; one waits for the host."),
]


def cvqa_record(stem: str, question: str, options: Options, right: int) -> dict[str, Any]:
    listed = "  ".join(f"({number}) {option}" for number, option in enumerate(options))
    text = f"Question: {question}\nOptions: {listed}\nAnswer:"
    picture = [{"type": "image_url", "image_url": {"url": f"{URL}/{stem}.jpg"}}]
    asked = [{"role": "user", "content": text}, {"role": "user", "content": picture}]
    return {"messages": [*asked, {"role": "assistant", "content": f"({right})"}]}


def safety_record(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def preference_record(question: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": chosen}],
        "non_preferred_output": [{"role": "assistant", "content": rejected}],
    }


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def write_training_files(root: Path) -> None:
    """The three files that upstream has."""
    write_lines(root / "data/cvqa_sft/cvqa_sft_gpt4o.jsonl", [cvqa_record(*row) for row in QUESTIONS[:3]])
    exclusive = [cvqa_record(*row) for row in (QUESTIONS[3], ELSEWHERE)]
    write_lines(root / "data/cvqa_sft/cvqa_sft_gpt4o_exclusive.jsonl", exclusive)
    write_lines(root / "data/safety_sft/safety_sft_gpt4o_exclusive.jsonl", [safety_record(*row) for row in SAFETY])


def write_cvqa(folder: Path) -> None:
    """CVQA's columns, in two files and small row groups; the last question has an ID that the release doesn't name."""
    rows = [(stem, *rest) for stem, *rest in QUESTIONS] + [("9000000000000000009_0", *ELSEWHERE[1:])]
    columns = [_cvqa_row(number, *row) for number, row in enumerate(rows)]
    folder.mkdir(parents=True)
    for name, part in (("test-00000", columns[:2]), ("test-00001", columns[2:])):
        pq.write_table(pa.Table.from_pylist(part), folder / f"{name}.parquet", row_group_size=2)


def _cvqa_row(number: int, stem: str, question: str, options: Options, right: int) -> dict[str, Any]:
    return {
        "image": {"bytes": make_image(number, form="JPEG").data, "path": f"{stem}.jpg"},
        "ID": stem,
        "Subset": "('Norwegian', 'Norway')",
        "Question": f"({question})",
        "Translated Question": question,
        "Options": [f"({option})" for option in options],
        "Translated Options": list(reversed(options)),
        "Label": right,
        "Category": "Cooking and Food",
        "Image Type": "Self",
        "Image Source": "Self-open",
        "License": "CC BY-NC 4.0",
    }
