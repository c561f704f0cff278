"""What is installed is what is locked: constraints.txt, setup.cfg, the Makefile and the README agree."""

import configparser
import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCK = ROOT / "constraints.txt"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))


def environments() -> list[dict[str, str]]:
    """What the markers of a requirement read, for each Python and machine."""
    return [
        {
            "python_version": python,
            "python_full_version": f"{python}.7",
            "sys_platform": platform,
            "platform_system": system,
            "platform_machine": machine,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "extra": "",
        }
        for python in PYTHONS
        for platform, system, machine in MACHINES
    ]


def requirements_of(file: Path) -> list[Requirement]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line[:1].isalnum()]


def declared() -> list[Requirement]:
    """Every requirement of setup.cfg, the extras' included."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins_in(environment: dict[str, str], file: Path = LOCK) -> dict[str, str]:
    pins: dict[str, str] = runpy.run_path(str(ROOT / ".ci" / "drift.py"))["locked_versions"](file, environment)
    return pins


@pytest.mark.parametrize(
    "environment", environments(), ids=lambda each: f"{each['python_version']}-{each['platform_machine']}"
)
def test_every_declared_requirement_has_a_locked_version_that_it_allows(environment: dict[str, str]) -> None:
    pins = pins_in(environment)
    wanted = [need for need in declared() if need.marker is None or need.marker.evaluate(environment)]
    assert len(wanted) > 40
    disagree = [
        f"{need} against {pins.get(canonicalize_name(need.name))}"
        for need in wanted
        if not need.specifier.contains(pins.get(canonicalize_name(need.name), "0.dev0"), prereleases=False)
    ]
    assert not disagree, "run `make lock`"


def test_the_lock_names_one_exact_version_each_and_none_of_nvidias() -> None:
    pins = requirements_of(LOCK)
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) for pin in pins)
    assert not [pin.name for pin in pins if pin.name.startswith(("nvidia-", "cuda-"))]
    assert {"torch", "torchvision", "triton", "setuptools", "wheel"} <= {pin.name for pin in pins}


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_smaller_sets_are_locked_at_the_same_versions(file: Path) -> None:
    for environment in environments():
        whole, part = pins_in(environment), pins_in(environment, file)
        assert part
        assert {name: version for name, version in part.items() if whole.get(name) != version} == {}


def makefile_commands(target: str) -> list[str]:
    """The command lines that make would run for a target in a fresh clone, each on one line."""
    command = ["make", "--dry-run", "--always-make", "--no-print-directory", "PYTHON=python3", target]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    printed = done.stdout
    return [" ".join(line.split()) for line in printed.replace("\\\n", " ").splitlines()]


def readme_commands() -> list[str]:
    """The commands of the README's block that stands for make."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- without make -->\n+```bash\n(.*?)```", readme, re.DOTALL)
    return [" ".join(line.split()) for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def test_the_readmes_commands_are_those_that_make_runs() -> None:
    shown = readme_commands()
    run = makefile_commands("demo") + makefile_commands("test")
    assert len(shown) >= 6
    assert [line for line in shown if line not in run] == []


def test_every_target_of_the_makefile_is_listed_by_make_help() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) - {"FORCE"} <= set(listed)


def test_an_old_python_is_refused_in_one_sentence_and_leaves_no_environment(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$*" in *print*) echo 3.9;; --version) echo Python 3.9.18;; *) exit 1;; esac\n')
    old.chmod(0o755)
    made = subprocess.run(
        ["make", f"PYTHON={old}", f"VENV={tmp_path}/venv", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert f"{old} is Python 3.9.18, and lmms-eval-cross needs Python 3.10 or later" in made.stderr
    assert "PYTHON=python3.12 make demo" in made.stderr
    assert not (tmp_path / "venv").exists()


def test_a_release_has_absolute_links_and_names_its_pages() -> None:
    release = runpy.run_path(str(ROOT / ".ci" / "release_tree.py"))
    text = release["absolute_links"](
        "[a](docs/a.md#b) ![p](docs/p.png) [web](https://x.org) [c](#c)", "https://h/r", "v1"
    )
    assert (
        text == "[a](https://h/r/blob/v1/docs/a.md#b) ![p](https://h/r/raw/v1/docs/p.png) [web](https://x.org) [c](#c)"
    )
    assert "Issues = https://h/r/issues" in release["project_urls"]("https://h/r", "v1")
