"""Images: checked once, stored once, read by hash."""

import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from lmms_eval_cross.errors import DataError

MAX_PIXELS: Final = 100_000_000
"""More is refused before it is decoded: the release's largest photographs have a tenth of that."""
_MIME: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

SCHEMA: Final = pa.schema([("sha256", pa.string()), ("mime", pa.string()), ("bytes", pa.binary())])


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The original bytes of an image file."""

    sha256: str
    mime: str
    """What the bytes are, whatever the file's ending says."""
    data: bytes


def check_image(path: Path) -> StoredImage:
    """The image of a file, decoded once to know that it is whole.

    Raises:
        DataError: the file is not a whole PNG, JPEG, WebP or GIF, or is a decompression bomb.
    """
    data = path.read_bytes()
    try:
        kind = _decode(data)
    except _BROKEN as error:
        raise DataError(f"{path.name} can't be decoded ({error})") from None
    if kind not in _MIME:
        raise DataError(f"{path.name} is a {kind} file, and judges take PNG, JPEG, WebP and GIF")
    return StoredImage(hashlib.sha256(data).hexdigest(), _MIME[kind], data)


def _decode(data: bytes) -> str | None:
    with warnings.catch_warnings():
        # Pillow warns from 89 megapixels on; the rule here is MAX_PIXELS, checked before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ValueError(f"{width} x {height} pixels, more than {MAX_PIXELS:,}")
            image.load()
            return image.format


def upright_rgb(data: bytes) -> Image.Image:
    """The picture as people see it: turned by its EXIF tag, transparency on white, RGB."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
            return image.convert("RGB")


def write_images(images: Iterator[StoredImage], path: Path) -> None:
    """Write `images.parquet`: a row group an image, so that one is read without the others."""
    with pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=False, write_statistics=False) as writer:
        for image in images:
            row = {"sha256": [image.sha256], "mime": [image.mime], "bytes": [image.data]}
            writer.write_table(pa.table(row, schema=SCHEMA))


class ImageStore:
    """Read access to an `images.parquet` by hash; may be used from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _groups(self) -> dict[str, int]:
        hashes = pq.read_table(self._path, columns=["sha256"])["sha256"].to_pylist()
        return {sha256: group for group, sha256 in enumerate(hashes)}

    @cached_property
    def _metadata(self) -> pq.FileMetaData:
        return pq.read_metadata(self._path)

    def read(self, sha256: str) -> StoredImage:
        """The original bytes of the image with this hash.

        Raises:
            DataError: the prepared data lack it.
        """
        if sha256 not in self._groups:
            raise DataError(f"image {sha256[:12]} is not among the prepared data; run `lmms-eval-cross prepare` again.")
        with pq.ParquetFile(self._path, metadata=self._metadata) as file:
            row = file.read_row_group(self._groups[sha256], use_threads=False).to_pylist()[0]
        return StoredImage(row["sha256"], row["mime"], row["bytes"])

    def open(self, sha256: str) -> Image.Image:
        """The picture with this hash, upright and RGB."""
        return upright_rgb(self.read(sha256).data)
