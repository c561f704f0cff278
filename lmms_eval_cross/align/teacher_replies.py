"""What teachers wrote, kept so that no text is paid for twice: a line of JSON a reply, appended as it comes."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from lmms_eval_cross.files import private_folder, unwritable_told
from lmms_eval_cross.judge.teacher import NoText, TeacherCall
from lmms_eval_cross.outside import parse_json
from lmms_eval_cross.text import canonical_json, storable

KEPT_REASONS: Final = frozenset({"refused", "truncated", "empty"})
"""Failures that cost money and would come again; others are of the moment, or of the set-up."""


class TeacherReplies:
    """The replies in a file, by the hash of what was asked; several processes may append to it.

    Raises:
        SettingsError: the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        with unwritable_told(path):
            private_folder(path.parent)
            self._file = path.open("ab")
            data = path.read_bytes()
        self._replies = dict(filter(None, map(_read_line, data.split(b"\n"))))
        if data and not data.endswith(b"\n"):  # cut off by a kill: what follows starts a line of its own
            self._append(b"\n")

    def find(self, key: str) -> str | NoText | None:
        """What was replied, None if nothing was."""
        return self._replies.get(key)

    def keep(self, key: str, model: str, reply: str | NoText) -> None:
        """Append a reply, unless it is a failure of the moment."""
        row = {"key": key, "model": model}
        if isinstance(reply, str):
            row["text"] = reply
        elif reply.reason in KEPT_REASONS:
            row |= {"reason": reply.reason, "detail": reply.detail}
        else:
            return
        self._replies[key] = reply
        self._append(storable(json.dumps(row, ensure_ascii=False)).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        """One write call, so that lines of two processes don't mix."""
        with unwritable_told(Path(self._file.name)):
            os.write(self._file.fileno(), line)


def reply_key(host: str, model: str, parameters: dict[str, Any], call: TeacherCall) -> str:
    """SHA-256 of all that decides a reply; no key and no path of an address."""
    image = call.image.sha256 if call.image else None
    asked = {"host": host, "model": model, "parameters": parameters, "system": call.system, "text": call.text}
    return hashlib.sha256(canonical_json({**asked, "image": image}).encode()).hexdigest()


class _Row(BaseModel):
    key: str
    text: str | None = None
    reason: str = ""
    detail: str = ""


def _read_line(line: bytes) -> tuple[str, str | NoText] | None:
    """Key and reply; None of a line that is none, for a kill may have cut it off."""
    try:
        row = _Row.model_validate(parse_json(line))
    except ValueError:
        return None
    if row.text is None and not row.reason:
        return None
    return row.key, row.text if row.text is not None else NoText(row.reason, row.detail)
