"""The pictures that the release's records name: in the record, in the copy of CROSS, or in a copy of CVQA."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from lmms_eval_cross.align.cvqa import CvqaCopy, CvqaRow
from lmms_eval_cross.align.training_release import Question
from lmms_eval_cross.data.images import StoredImage, check_bytes, check_image
from lmms_eval_cross.errors import DataError


@dataclass(frozen=True, slots=True)
class Found:
    """A picture's name, its bytes if somebody has them, and its row in CVQA if it has one."""

    name: str
    image: StoredImage | None
    row: CvqaRow | None = None


class Pictures:
    """Looks for a picture where it may be.

    Args:
        root: the copy of CROSS, whose folder `images/cvqa` is looked into (upstream has none).
        cvqa: a local copy of CVQA, if there is one.
    """

    def __init__(self, root: Path, cvqa: CvqaCopy | None = None) -> None:
        self._folder, self._cvqa = root / "images" / "cvqa", cvqa

    def find(self, url: str, question: Question | None) -> Found:
        """The picture of an address; no network is asked.

        Raises:
            DataError: it is there and can't be decoded.
        """
        if url.startswith("data:"):
            return Found("picture", check_bytes(_decoded(url), "a picture in the record"))
        name = PurePosixPath(unquote(urlsplit(url).path)).name
        row = self._cvqa.find(name, question) if self._cvqa else None
        local = self._folder / name
        if name and local.is_file():
            return Found(name, check_image(local, f"images/cvqa/{name}"), row)
        if row is not None and self._cvqa is not None:
            return Found(name, check_bytes(self._cvqa.picture(row), f"the picture of {name} in CVQA"), row)
        return Found(name, None)


def _decoded(url: str) -> bytes:
    _, _, data = url.partition(";base64,")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise DataError("a picture in a record is not base64; get the file anew.") from None
