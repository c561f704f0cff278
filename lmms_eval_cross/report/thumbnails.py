"""Pictures for the page: small, each once, and none where the data are not on this machine."""

import base64
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tqdm import tqdm

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.errors import DataError, NotPreparedError

SIDE: Final = 240
"""Pixels of the longer side."""
_QUALITY: Final = 70
_THREADS: Final = 4


def thumbnails(samples: Iterable[Sample]) -> dict[str, str]:
    """Image hash -> data URL of a WebP; an image that isn't prepared here, or not readable, is left out."""
    by_hash: Mapping[str, Sample] = {sample.image_sha256: sample for sample in samples}
    with ThreadPoolExecutor(_THREADS) as pool:
        urls = tqdm(pool.map(_thumbnail, by_hash.values()), "Thumbnails", len(by_hash), unit="image", disable=None)
        return {sha256: url for sha256, url in zip(by_hash, urls, strict=True) if url is not None}


def _thumbnail(sample: Sample) -> str | None:
    try:
        image = session.data_to_read(split_of(sample)).images.open(sample.image_sha256)
    except (NotPreparedError, DataError):
        return None
    image.thumbnail((SIDE, SIDE))
    webp = io.BytesIO()
    image.save(webp, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(webp.getvalue()).decode()}"
