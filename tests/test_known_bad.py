"""Versions that are known to break a run, as a folder on the path makes Python believe in them."""

import os
from pathlib import Path

import pytest

from lmms_eval_cross.harness.known_bad import KNOWN_BAD
from tests.conftest import Run

SENTENCE = (
    "lmms-eval-cross: filelock 4.3.0 does not go with lmms-eval 0.7.3: it has no `filelock._api`, which every run of "
    'it imports; mend it with `python -m pip install "filelock<4.3"`.'
)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Put distributions of these versions, which hold no code, before those that are installed."""
    for name, version in versions.items():
        metadata = folder / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}")


def test_run_names_a_known_bad_version_before_anything_is_started(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "path", monkeypatch, filelock="4.3.0", lmms_eval="0.7.3")
    done = cross("run", "--", "--model", "dummy", "--tasks", "cross_demo", "--output_path", "out")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{SENTENCE}\n")
    assert not (tmp_path / "work" / "out").exists()


def test_lmms_eval_itself_says_so_before_the_model_is_made(
    lmms_eval: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "path", monkeypatch, filelock="4.3.0")
    done = lmms_eval("--model", "cross_replay", "--model_args", "responses=none.jsonl", "--tasks", "cross_demo")
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1] == SENTENCE


@pytest.mark.parametrize("versions", [{"filelock": "4.2.12"}, {"filelock": "4.3.0", "lmms_eval": "0.8.0"}])
def test_versions_that_go_together_are_not_refused(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]
) -> None:
    install(tmp_path / "path", monkeypatch, **versions)
    done = cross("run", "--", "python", "-c", "raise SystemExit(2)")
    assert "Nothing was run; the reason stands above." in done.stderr


def test_every_row_has_a_command_that_keeps_what_is_bad_away() -> None:
    from packaging.requirements import Requirement

    for row in KNOWN_BAD:
        requirement = Requirement(row.mend.partition('"')[2].rstrip('"'))
        assert requirement.name == row.name
        assert not requirement.specifier.contains(row.specifier.lstrip("><=~"))
