"""Have foreign tools read our exports, each in an environment of its own, and keep what they saw as fixtures.

`make formats`. It installs some 10 GB under .venv-formats, and is neither part of the tests nor of CI.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = {
    "llamafactory": ["llamafactory==0.9.5", "torch==2.14.1"],
    "ms-swift": ["ms-swift==4.6.0", "torch==2.14.1"],
    "axolotl": ["axolotl==0.19.0"],
    "together": ["together==3.1.1"],
}
"""Format -> the tool and, where it takes any, the torch that we have installed already."""
PYTHON = "3.11"
UV = Path(sys.executable).with_name("uv")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
FIXTURES = ROOT / "tests" / "fixtures" / "formats"


def main(wanted: list[str]) -> None:
    """Make the fixtures of these tools, or of all."""
    exports = ROOT / "build" / "formats"
    subprocess.run(["rm", "-rf", exports], check=True)
    exports.mkdir(parents=True)
    subprocess.run([sys.executable, ROOT / ".ci" / "formats" / "write.py", exports], env=ENVIRONMENT, check=True)
    FIXTURES.mkdir(exist_ok=True)
    for tool in wanted or TOOLS:
        lines = json.loads((exports / "lines.json").read_text(encoding="utf-8"))[tool]
        seen = {"tool": TOOLS[tool][0], "export": lines, "read": read(tool, installed(tool), exports)}
        path = FIXTURES / f"{tool}.json"
        path.write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {TOOLS[tool][0]}")


def installed(tool: str) -> Path:
    """The Python of the tool's environment, made where it is not there."""
    folder = ROOT / ".venv-formats" / tool
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([UV, "venv", "--quiet", "--python", PYTHON, folder], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, *TOOLS[tool]], check=True)
    return python


def read(tool: str, python: Path, exports: Path) -> object:
    """What the tool's reader makes of the exports."""
    script = ROOT / ".ci" / "formats" / f"read_{tool.replace('-', '_')}.py"
    done = subprocess.run([python, script, exports], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
