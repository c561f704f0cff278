"""Images: checked once, stored once, read by hash."""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from lmms_eval_cross.errors import DataError
from lmms_eval_cross.outside import read_bytes

MAX_PIXELS: Final = 89_000_000
"""More is refused before it is decoded, a little below where Pillow starts to warn."""
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
"""What judges take; no other decoder is ever given the bytes."""
_MIME: Final = {"MPO": "image/jpeg"} | {name: f"image/{name.lower()}" for name in FORMATS}
"""MPO is the JPEG of some cameras, with further pictures after the first."""
MOST_BYTES: Final = 64 * 2**20
MOST_SCANS: Final = 100
"""Of a progressive JPEG: some ten are usual, and each costs a pass over all pixels."""
_SCAN: Final = b"\xff\xda"
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""

SCHEMA: Final = pa.schema([("sha256", pa.string()), ("mime", pa.string()), ("bytes", pa.binary())])


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The original bytes of an image file."""

    sha256: str
    mime: str
    """What the bytes are, whatever the file's ending says."""
    data: bytes


def check_image(path: Path, name: str) -> StoredImage:
    """The image of a file, decoded once as models will see it, to know that it can be.

    Args:
        path: where the file lies.
        name: what a message calls it.

    Raises:
        DataError: the file is not a whole PNG, JPEG, WebP or GIF, or is a decompression bomb.
    """
    try:
        return check_bytes(read_bytes(path, MOST_BYTES), name)
    except OSError as error:
        raise DataError(f"{name} can't be decoded ({error.strerror or error})") from None
    except ValueError as error:
        raise DataError(f"{name} can't be decoded ({error})") from None


def check_bytes(data: bytes, name: str) -> StoredImage:
    """The image of a file's bytes, as `check_image` gives it.

    Raises:
        DataError: as there.
    """
    try:
        with _whole_pictures_alone(), open_image(data) as image:
            kind = str(image.format)
            upright_rgb(image)
    except UnidentifiedImageError:
        raise DataError(f"{name} is not one of {', '.join(FORMATS)}, which judges take") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{name} has more than the {MAX_PIXELS:,} pixels that are decoded") from None
    except _BROKEN as error:
        raise DataError(f"{name} can't be decoded ({getattr(error, 'strerror', None) or error})") from None
    return StoredImage(hashlib.sha256(data).hexdigest(), _MIME[kind], data)


@contextmanager
def _whole_pictures_alone() -> Iterator[None]:
    """lmms-eval has Pillow fill up what a cut picture lacks, in every process that loads it."""
    was, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = was


@contextmanager
def open_image(data: bytes) -> Iterator[Image.Image]:
    """The picture, not decoded yet, if it is small enough."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        if image.format == "JPEG" and data.count(_SCAN) > MOST_SCANS:
            raise ValueError(f"it goes over its picture more than {MOST_SCANS} times")
        yield image


def upright_rgb(image: Image.Image) -> Image.Image:
    """The picture as people see it: its first frame, turned by its EXIF tag, transparency on white, 8-bit RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip at 255
        return image.convert("I").point(lambda level: level / 256).convert("L").convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def as_png(picture: Image.Image) -> StoredImage:
    """A decoded picture as a file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    data = file.getvalue()
    return StoredImage(hashlib.sha256(data).hexdigest(), "image/png", data)


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
        if hashlib.sha256(row["bytes"]).hexdigest() != sha256:
            raise DataError(
                f"image {sha256[:12]} was edited in the prepared data; run `lmms-eval-cross prepare --force`."
            )
        return StoredImage(row["sha256"], row["mime"], row["bytes"])

    def open(self, sha256: str) -> Image.Image:
        """The picture with this hash, upright and RGB."""
        with open_image(self.read(sha256).data) as image:
            return upright_rgb(image)
