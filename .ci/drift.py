"""Name the packages of an environment whose version is not the locked one: `drift.py CONSTRAINTS PYTHON`."""

import json
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def locked_versions(constraints: Path, environment: dict[str, str] | None = None) -> dict[str, str]:
    """Name -> version, by default for this Python on this machine; else for what markers read in `environment`."""
    lines = [line for line in constraints.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    pins = [Requirement(line) for line in lines]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }


def main(constraints: str, python: str) -> None:
    """Print a line for each package that drifted."""
    locked = locked_versions(Path(constraints))
    listed = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True).stdout
    for name, version in sorted(json.loads(listed).items()):
        pinned = locked.get(canonicalize_name(name))
        if pinned is not None and pinned != version:
            print(f"{name} {pinned} -> {version}")


if __name__ == "__main__":
    main(*sys.argv[1:])
