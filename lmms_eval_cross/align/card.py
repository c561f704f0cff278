"""The model card: what a tuned model was made of, and what must be said wherever it goes."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, StrictUndefined
from transformers import AutoConfig

from lmms_eval_cross.align.curve import write_curve
from lmms_eval_cross.align.preset import Preset
from lmms_eval_cross.files import write_text
from lmms_eval_cross.report.rendering import markdown_text
from lmms_eval_cross.runs.tuned_on import is_clean, tunings

CARD: Final = "README.md"
CURVE: Final = "curve.png"
EVALUATORS: Final[Mapping[str, str]] = {
    "qwen2_5_vl": "qwen2_5_vl",
    "qwen2_vl": "qwen2_vl",
    "qwen3_vl": "qwen3_vl",
    "llava": "llava_hf",
    "llava_next": "llava_hf",
    "internvl": "internvl_hf",
}
"""Type of a configuration -> lmms-eval's class that loads such a model."""
_PACKAGES: Final = ("lmms-eval-cross", "trl", "peft", "transformers", "accelerate", "torch")


def write_card(output: Path, begun: Mapping[str, Any], preset: Preset, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the curve and then the card, with which the folder is whole.

    Args:
        output: the folder of the model.
        begun: what `tune.json` holds.
        preset: what it was tuned with.
        history: what TRL logged.
    """
    write_curve(output / CURVE, history)
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters["md"] = markdown_text
    template = (files("lmms_eval_cross.align") / "card.md.j2").read_text(encoding="utf-8")
    text = environment.from_string(template).render(**_facts(output, begun, preset, history))
    write_text(output / CARD, text.rstrip() + "\n")


def evaluator_of(output: Path) -> str:
    """The lmms-eval class that loads the model of a folder."""
    kind = str(AutoConfig.from_pretrained(output).model_type)
    return EVALUATORS.get(kind, kind)


def _facts(
    output: Path, begun: Mapping[str, Any], preset: Preset, history: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    lineage = tunings(begun)
    return {
        "front": _front(begun),
        "name": output.name,
        "base": begun["base"]["name"],
        "stage": begun["stage"],
        "evaluator": evaluator_of(output),
        "lineage": lineage,
        "not_clean": not all(map(is_clean, lineage)),
        "notes": list(dict.fromkeys(note for past in lineage for note in past["data"]["notes"])),
        "unsafe": any(past["data"]["unsafe"] for past in lineage),
        "preset": preset.name,
        "about": preset.about,
        "command": begun["command"],
        "summary": _summary(history),
        "recipe": yaml.safe_dump(begun["preset"], sort_keys=False).rstrip(),
        "versions": {package: version(package) for package in _PACKAGES},
    }


def _front(begun: Mapping[str, Any]) -> str:
    front: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "image-text-to-text"}
    if begun["base"]["config_sha256"] is None:  # a name on the Hub; that of a folder would be no link there
        front["base_model"] = begun["base"]["name"]
    front["tags"] = ["lmms-eval-cross", "trl", begun["stage"]]
    return yaml.safe_dump(front, sort_keys=False).rstrip()


def _summary(history: Sequence[Mapping[str, Any]]) -> str:
    losses = [(row["step"], float(row["loss"])) for row in history if "loss" in row]
    first, last = losses[0], losses[-1]
    return f"The loss was {first[1]:.4f} at step {first[0]} and {last[1]:.4f} at step {last[0]}."
