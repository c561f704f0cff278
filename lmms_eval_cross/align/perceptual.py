"""Which of the benchmark's pictures another picture is made from, whatever its file format, size and colours.

Both sides are hashed with imagehash's difference hash (8 x 8 bits); the benchmark's pictures once for every window of a
grid as well, so that a cut-out finds its window, and the other picture also mirrored and without a plain border.
`imagehash.crop_resistant_hash` was tried: over a second a picture, and one unlike pair in 60 was alike for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageOps

from lmms_eval_cross.data.images import open_image, upright_rgb

WHOLE_DISTANCE: Final = 12
"""Bits of 64 in which whole pictures may differ."""
WINDOW_DISTANCE: Final = 8
"""The same for windows, of which there are many more."""
PLAIN: Final = 8
"""With fewer bits than these set, or unset, a hash is of a plain surface and says nothing; it is like none."""
_WINDOWS: Final = (0.95, 0.9, 0.85, 0.8, 0.7)
"""Sides of the windows, as shares of the picture's."""
_STEPS: Final = (0.0, 0.5, 1.0)
"""Where windows lie in the room that is left: at the start, in the middle, at the end, in both directions."""
_WORKING_SIZE: Final = 512
"""Pixels of the longer side of what is hashed."""
_BORDER_TOLERANCE: Final = 24
"""Levels of grey in which a border may differ from its corner."""
WINDOWS_A_PICTURE: Final = 1 + len(_WINDOWS) * len(_STEPS) ** 2
Bits: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """One of the index's pictures that another picture is like."""

    picture: int
    """Number in the index."""
    distance: int
    """Bits of 64."""


class PictureIndex:
    """Hashes of pictures and of their windows.

    Args:
        hashes: one row a picture, as `window_hashes` gives it.
    """

    def __init__(self, hashes: Bits) -> None:
        self._hashes = hashes.reshape(-1, WINDOWS_A_PICTURE)
        self._limits = np.full(self._hashes.shape, WINDOW_DISTANCE)
        self._limits[:, 0] = WHOLE_DISTANCE
        self._limits[_is_plain(self._hashes)] = -1

    def find(self, views: Sequence[int]) -> Likeness | None:
        """The nearest picture that one of a picture's views is like, None if there is none."""
        nearest: Likeness | None = None
        for view in views:
            if _is_plain(np.array(view, dtype=np.uint64)):
                continue
            distances = np.bitwise_count(self._hashes ^ np.uint64(view)).astype(np.int64)
            alike = distances <= self._limits
            for picture in np.flatnonzero(alike.any(axis=1)).tolist():
                likeness = Likeness(picture, int(distances[picture][alike[picture]].min()))
                if nearest is None or likeness.distance < nearest.distance:
                    nearest = likeness
        return nearest


def window_hashes(data: bytes) -> Bits:
    """The hash of a picture and of each of its windows: WINDOWS_A_PICTURE numbers."""
    picture = _working_copy(data)
    return np.array([_hash(window) for window in _windows(picture)], dtype=np.uint64)


def view_hashes(data: bytes) -> list[int]:
    """The hashes of a picture as it is and without its plain border, both also mirrored."""
    picture = _working_copy(data)
    views = [picture]
    inner = _without_border(picture)
    if inner is not None:
        views.append(inner)
    return [_hash(seen) for view in views for seen in (view, ImageOps.mirror(view))]


def join_hashes(hashes: Iterable[Bits]) -> Bits:
    """The hashes of several pictures, one row each."""
    return np.array(list(hashes), dtype=np.uint64).reshape(-1, WINDOWS_A_PICTURE)


def _is_plain(hashes: Any) -> Any:
    ones = np.bitwise_count(hashes)
    return (ones < PLAIN) | (ones > 64 - PLAIN)


def _working_copy(data: bytes) -> Image.Image:
    with open_image(data) as image:
        image.draft("RGB", (2 * _WORKING_SIZE, 2 * _WORKING_SIZE))
        picture = upright_rgb(image).convert("L")
    picture.thumbnail((_WORKING_SIZE, _WORKING_SIZE))
    return picture


def _windows(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    width, height = picture.size
    for share in _WINDOWS:
        for across in _STEPS:
            for down in _STEPS:
                left, top = width * (1 - share) * across, height * (1 - share) * down
                yield picture.crop(_box(left, top, left + width * share, top + height * share))


def _box(*edges: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = map(round, edges)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _without_border(picture: Image.Image) -> Image.Image | None:
    """The picture inside a border of one colour, None if it has none."""
    corner = picture.getpixel((0, 0))
    plain = Image.new("L", picture.size, corner)
    box = ImageChops.difference(picture, plain).point(_is_other).getbbox()
    return None if box is None or box == (0, 0, *picture.size) else picture.crop(box)


def _is_other(level: Any) -> Any:
    return 255 if level > _BORDER_TOLERANCE else 0


def _hash(picture: Image.Image) -> int:
    bits = imagehash.dhash(picture).hash.flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
