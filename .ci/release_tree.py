"""Copy what git tracks for a release: `release_tree.py FOLDER [REPOSITORY]`.

The package index shows the README away from the repository, where its relative links are dead. Given the
repository's address, links and pictures point to the release's tag there, and the index names the project's pages.
"""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^]]*)\]\((?P<path>(?!https?://|#)[^)]+)\)")


def absolute_links(markdown: str, repository: str, tag: str) -> str:
    """The same text with every relative link and picture at the tag."""

    def absolute(match: re.Match[str]) -> str:
        view = "raw" if match["picture"] else "blob"
        return f"{match['picture']}[{match['text']}]({repository}/{view}/{tag}/{match['path']})"

    return LINK.sub(absolute, markdown)


def project_urls(repository: str, tag: str) -> str:
    """The lines that setup.cfg's [metadata] gets."""
    pages = {
        "Source": repository,
        "Documentation": f"{repository}/blob/{tag}/docs",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
    return "project_urls =\n" + "".join(f"    {name} = {address}\n" for name, address in pages.items())


def package_version() -> str:
    """What `__version__` says, read without an import."""
    source = (ROOT / "lmms_eval_cross" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if match is None:
        raise SystemExit("lmms_eval_cross/__init__.py names no __version__.")
    return match[1]


def copy_tracked_files(folder: Path) -> None:
    """Every file that git tracks, as it is in the working tree."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def main(folder: Path, repository: str = "") -> None:
    """Write the tree."""
    copy_tracked_files(folder)
    if not repository:
        print("The README's links stay relative; name the repository to publish: make dist REPOSITORY=https://...")
        return
    repository, tag = repository.rstrip("/"), f"v{package_version()}"
    readme, setup = folder / "README.md", folder / "setup.cfg"
    readme.write_text(absolute_links(readme.read_text(encoding="utf-8"), repository, tag), encoding="utf-8")
    text = setup.read_text(encoding="utf-8").replace("[metadata]\n", f"[metadata]\n{project_urls(repository, tag)}", 1)
    configparser.ConfigParser().read_string(text)
    setup.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
