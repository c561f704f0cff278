"""Made-up samples."""

import hashlib
from typing import Any

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.data.official import norm_id


def make_sample(item: str, norm: str = "A norm.", **told: Any) -> Sample:
    """A sample whose other fields are told, or follow from item and norm."""
    place = {"subset": "casa", "setting": "english", "item": item, "wording": 1} | told
    follows = {
        "sample_id": "{subset}/{setting}/{item}/{wording}".format(**place),
        "country": item.rpartition("_")[0].replace("_", " "),
        "language": "English",
        "language_label": told.get("language", "English"),
        "norm_id": norm_id(norm),
        "norm": norm,
        "query": "A question?",
        "image_sha256": hashlib.sha256(item.encode()).hexdigest(),
        "image_name": f"{item}.png",
        "original_query": None,
    }
    return Sample(**(follows | place))
