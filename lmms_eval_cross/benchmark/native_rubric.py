"""Our own rubric. Apart from what a rubric is, for reading a run needs no YAML."""

import hashlib
from functools import cache
from importlib.resources import files

import yaml

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.benchmark.rubric import Part, Rubric


@cache
def load_native_rubric() -> Rubric:
    """Our own wording of the four dimensions, from the packaged YAML."""
    data = files("lmms_eval_cross.benchmark").joinpath("native.yml").read_bytes()
    raw = yaml.safe_load(data)
    return Rubric(
        name="native",
        sha256=hashlib.sha256(data).hexdigest(),
        system=raw["system"],
        prompts={dimension: raw["dimensions"][dimension] for dimension in DIMENSIONS},
        parts=tuple(Part(**part) for part in raw["message"]),
        violation=False,
    )
