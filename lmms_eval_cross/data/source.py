"""Where a copy of CROSS comes from: a folder in the official layout, or the same files over HTTP."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm

from lmms_eval_cross.errors import SourceError, listing

PARALLEL_DOWNLOADS: Final = 8
TRIES: Final = 5
MANIFEST: Final = "manifest.json"


class Source(Protocol):
    """Gives files of the official layout by their paths in it."""

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """Local files by their path in the layout.

        Raises:
            SourceError: names every file that is missing.
        """

    def finish(self) -> None:
        """Everything that was asked for has been read and found good."""


class FolderSource:
    """A clone, or any folder in the official layout."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise SourceError(f"{root} is not a folder; give the folder of a CROSS clone, or a base URL.")
        self._root = root.resolve()

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """The files, where they lie."""
        found = {path: self._root / path for path in paths}
        climbing = [path for path, file in found.items() if not file.resolve().is_relative_to(self._root)]
        if climbing:
            raise SourceError(f"{listing(climbing)} leads out of the copy of CROSS; replace the link by the file.")
        missing = [path for path, file in found.items() if not file.is_file()]
        if missing:
            raise SourceError(
                f"{len(missing)} files are missing in the copy of CROSS: {listing(missing)}; complete the clone."
            )
        return found

    def finish(self) -> None:
        """Nothing to do: the files are the user's."""


class WebSource:
    """The official layout below a base URL; finished downloads are kept, so a killed run is continued.

    A `manifest.json` of checksums is written last; with it in place the files are checked, not fetched again.
    """

    def __init__(self, base_url: str, cache: Path) -> None:
        self._base_url = base_url.rstrip("/")
        self._folder = cache / hashlib.sha256(self._base_url.encode()).hexdigest()[:16]
        self._paths: list[str] = []

    def fetch(self, paths: Sequence[str]) -> dict[str, Path]:
        """The files, downloaded in parallel unless they are there already."""
        files = {path: self._folder / path for path in paths}
        recorded = self._recorded()
        todo = [path for path in paths if not self._is_good(files[path], recorded.get(path))]
        missing = self._download(todo)
        if missing:
            raise SourceError(
                f"{len(missing)} files are missing below {shown_url(self._base_url)}: {listing(missing)}; "
                "check --source and --revision."
            )
        self._paths += paths
        return files

    def finish(self) -> None:
        """Write the manifest: path -> SHA-256."""
        sums = {path: _sha256(self._folder / path) for path in sorted(set(self._paths))}
        write_text(self._folder / MANIFEST, json.dumps(sums, indent=1) + "\n")

    def _recorded(self) -> dict[str, str]:
        manifest = self._folder / MANIFEST
        recorded: dict[str, str] = json.loads(manifest.read_text()) if manifest.is_file() else {}
        return recorded

    def _is_good(self, file: Path, sha256: str | None) -> bool:
        return file.is_file() and (sha256 is None or sha256 == _sha256(file))

    def _download(self, paths: Sequence[str]) -> list[str]:
        """Fetch all of `paths`; the ones that the server does not have are returned."""
        pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS)
        try:
            with httpx.Client(follow_redirects=True, timeout=60) as client:
                found = pool.map(lambda path: self._download_one(client, path), paths)
                pairs = zip(paths, found, strict=True)
                bar = tqdm(pairs, total=len(paths), desc="Downloading", unit="file", disable=None)
                return [path for path, ok in bar if not ok]
        finally:
            pool.shutdown(cancel_futures=True)

    def _download_one(self, client: httpx.Client, path: str) -> bool:
        url = f"{self._base_url}/{quote(path)}"
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_may_pass),
                stop=stop_after_attempt(TRIES),
                wait=wait_exponential_jitter(initial=0.5, max=20),
                reraise=True,
            ):
                with attempt:
                    _stream(client, url, target)
        except httpx.HTTPStatusError as error:
            if error.response.status_code in {404, 410}:
                return False
            raise SourceError(f"{shown_url(url)} answered {error.response.status_code}; try again later.") from None
        except httpx.TransportError as error:
            raise SourceError(f"{shown_url(url)} can't be reached ({type(error).__name__}); try again later.") from None
        return True


def open_source(source: str, revision: str, cache: Path) -> Source:
    """The source that a user named: a folder, or a base URL that a revision is appended to.

    Raises:
        SourceError: the folder is not there.
    """
    if source.startswith(("http://", "https://")):
        return WebSource(f"{source.rstrip('/')}/{revision}" if revision else source, cache)
    return FolderSource(Path(source).expanduser())


def shown_url(url: str) -> str:
    """`url` without what could be a secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _stream(client: httpx.Client, url: str, target: Path) -> None:
    partial = target.with_name(f".{target.name}.part")
    with client.stream("GET", url) as response:
        response.raise_for_status()
        with partial.open("wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
    partial.replace(target)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {408, 425, 429} or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
