"""Pictures as large as GPT-4o looks at them, made once for each distinct picture and kept.

OpenAI's rule for high detail: fit into 2048 x 2048, then bring the shorter side down to 768, then count tiles of
512 x 512. A picture that is brought to that size beforehand has the same tiles and a fraction of the bytes.
"""

import io
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image

from lmms_eval_cross.data.images import StoredImage, open_image, upright_rgb
from lmms_eval_cross.files import private_folder, writing_whole

LONGEST: Final = 2048
SHORTEST: Final = 768
TILE: Final = 512
QUALITY: Final = 90
"""Of the JPEG."""


def seen_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which GPT-4o sees a picture in high detail; smaller pictures are left as they are."""
    factor = min(1.0, LONGEST / max(width, height))
    factor = min(factor, SHORTEST / min(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def tiles(width: int, height: int) -> int:
    """The 512 x 512 tiles that a picture of this size is billed for."""
    seen = seen_size(width, height)
    return math.ceil(seen[0] / TILE) * math.ceil(seen[1] / TILE)


def scale(image: StoredImage) -> StoredImage:
    """The picture upright, RGB and no larger than it is seen; as JPEG, unless the original is as good and smaller."""
    with open_image(image.data) as opened:
        plain = opened.mode == "RGB" and opened.getexif().get(0x0112, 1) == 1
        picture = upright_rgb(opened)
    size = seen_size(*picture.size)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    elif plain and image.mime == "image/jpeg":
        return image
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    smaller = len(out.getvalue()) < len(image.data)
    if plain and size == picture.size and not smaller:
        return image
    return StoredImage(image.sha256, "image/jpeg", out.getvalue())


class ScaledImages:
    """A folder of scaled pictures, named by the hash of their originals; for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, sha256: str, read: Callable[[str], StoredImage]) -> StoredImage:
        """The scaled picture; `read` gives the original, which `sha256` names."""
        path = self._folder / f"{sha256}.jpg"
        try:
            return StoredImage(sha256, "image/jpeg", path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            pass
        original = read(sha256)
        scaled = scale(original)
        if scaled is not original:
            self._keep(path, scaled.data)
        return scaled

    def _keep(self, path: Path, data: bytes) -> None:
        """Keep a picture for the next time; where the folder can't be written, it is scaled anew then."""
        with suppress(OSError):
            private_folder(self._folder)
            with writing_whole(path, "wb") as file:
                file.write(data)
