"""The example repository, the action and the workflows: valid by their schemas, and run as CI runs them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lmms_eval_cross.settings import Settings, variable
from tests.conftest import ROOT
from tests.made_runs import cross_samples, draw, write_run
from tests.test_old_files import OLD

EXAMPLE = ROOT / "examples" / "ci"
WORKFLOWS = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
OUR_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
SAMPLES = cross_samples()
FAKE_GH = """#!/bin/sh
echo "$@" >> "$GH_LOG"
case "$*" in *--jq*) cat "$GH_COMMENTS";; esac
exit "${GH_EXIT:-0}"
"""


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", ROOT / "action.yml"),
        ("gitlab-ci", EXAMPLE / ".gitlab-ci.yml"),
        *(("github-workflows", file) for file in (*WORKFLOWS, *OUR_WORKFLOWS)),
    ],
)
def test_a_ci_file_follows_the_schema_of_its_service(schema, file):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_give_the_action_what_it_knows_and_needs(workflow):
    steps = yaml.safe_load(workflow.read_text())["jobs"]["gate"]["steps"]
    given = next(step["with"] for step in steps if "lmms-eval-cross@" in step.get("uses", ""))
    assert set(given) <= set(ACTION["inputs"])
    assert {name for name, each in ACTION["inputs"].items() if each.get("required")} <= set(given)


def test_no_step_pastes_an_expression_into_its_script():
    files = [ACTION["runs"], *(yaml.safe_load(path.read_text())["jobs"]["gate"] for path in WORKFLOWS)]
    assert not [step["run"] for each in files for step in each["steps"] if "${{" in step.get("run", "")]


@pytest.mark.parametrize("file", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_to_commits_with_their_version(file):
    used = re.findall(r"uses: (.*)", file.read_text())
    others = [line for line in used if "lmms-eval-cross@" not in line]
    assert others
    assert not [line for line in others if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_token_may_write_comments_in_the_gates_job_and_nothing_else(workflow):
    content = yaml.safe_load(workflow.read_text())
    assert content["permissions"] == {}
    for name, job in content["jobs"].items():
        comment = {"pull-requests": "write"} if name == "gate" else {}
        assert job["permissions"] == {"contents": "read", **comment}


def test_nothing_tells_pip_to_take_the_package_from_an_index():
    files = [ROOT / "README.md", ROOT / "action.yml", *ROOT.glob("docs/**/*.md"), *EXAMPLE.rglob("*.*")]
    lines = [line for file in files if file.is_file() for line in file.read_text().splitlines()]
    installs = [line for line in lines if re.search(r"(pip|uv pip) install", line)]
    assert installs
    assert not [
        line for line in installs if re.search(r"(?<![/\w])lmms[-_]eval[-_]cross", line.partition("install")[2])
    ]


@pytest.mark.parametrize("file", sorted(EXAMPLE.rglob("*.*ml")), ids=lambda path: path.name)
def test_settings_in_ci_files_exist(file):
    known = {variable(name) for name in Settings.model_fields}
    assert set(re.findall(r"\bCROSS_[A-Z_]+\b", file.read_text())) <= known


# --- the example repository ---


def readme_commands() -> list[tuple[str, int]]:
    """The commands of the example's README and the exit codes that it promises; the installation left out."""
    lines = re.findall(r"^    (\S.*)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    parted = [line.partition("#") for line in lines if not line.startswith("pip ")]
    return [(command, int(found[1]) if (found := re.search(r"exit (\d)", told)) else 0) for command, _, told in parted]


def test_the_example_repository_does_what_its_readme_says(tmp_path):
    repository = tmp_path / "repository"
    shutil.copytree(EXAMPLE, repository)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    commands = [*readme_commands(), ("MARGIN=34.1 ./gate.sh careful", 0), ("MARGIN=5 ./gate.sh careful", 3)]
    assert [code for _, code in commands] == [0, 0, 0, 0, 1, 0, 3]
    for command, code in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=repository, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        if "gate.sh" in command:
            assert "OFFLINE JUDGE: not a measurement" in done.stdout
            assert {path.name for path in (repository / "out").iterdir()} == {"gate.md", "gate.xml", "gate.json"}
    assert "2 samples of 9 norms" in done.stdout
    assert "34.1 (given 5)" in done.stdout


# --- the action ---

FAKE_PYTHON = """#!/bin/sh
echo "$@" >> "$PYTHON_LOG"
"""


class Workspace:
    """What a GitHub runner gives to a step: files for outputs and summary, and `gh`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("output", "summary", "gh.log", "comments"):
            (root / name).touch()
        (root / "bin").mkdir()
        (root / "bin" / "gh").write_text(FAKE_GH)
        (root / "bin" / "gh").chmod(0o755)

    def step(self, name: str, inputs: Mapping[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a step's script as a runner does, with its `env` filled from the inputs."""
        step = next(each for each in ACTION["runs"]["steps"] if each["name"] == name)
        defaults = {key: str(each.get("default", "")) for key, each in ACTION["inputs"].items()}
        given = {
            key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: {**defaults, **inputs}[found[1]], value)
            for key, value in step["env"].items()
        }
        path = os.pathsep.join((str(self.root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        files |= {"GH_LOG": "gh.log", "GH_COMMENTS": "comments"}
        told = {**os.environ, **given, **{key: str(self.root / file) for key, file in files.items()}, "PATH": path}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command, cwd=self.root, env={**told, **environment}, capture_output=True, text=True, check=False
        )

    def text(self, name: str) -> str:
        """What a file of the workspace holds."""
        return (self.root / name).read_text()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.mark.long
def test_the_action_compares_and_leaves_the_decision_to_its_last_step(workspace):
    good = draw(SAMPLES, 0.7, 1)
    write_run(workspace.root / "a", SAMPLES, good)
    write_run(workspace.root / "b", SAMPLES, draw(SAMPLES, 0.7, 1, drop=0.2))
    inputs = {
        "baseline": "a",
        "candidate": "b",
        "margins": "compliance=5 awareness=5",
        "report-url": "https://x/r.html",
    }
    done = workspace.step("Compare", inputs)
    assert done.returncode == 0, done.stderr
    assert workspace.text("output") == "exit-code=1\n"
    assert workspace.text("summary") == workspace.text("cross-gate/gate.md")
    assert "https://x/r.html#sample=" in workspace.text("summary")
    assert "| education" in workspace.text("summary")
    assert workspace.step("Compare", {"baseline": "a", "candidate": "nowhere"}).returncode == 0
    assert workspace.text("output").endswith("exit-code=2\n")


@pytest.mark.long
@pytest.mark.parametrize("given", [("--help", "b"), ("a", "--help"), ("", "b"), ("a", ""), ("a", "--version")])
def test_an_option_or_nothing_in_a_path_s_place_never_passes(workspace, given):
    write_run(workspace.root / "a", SAMPLES[:40], draw(SAMPLES[:40], 0.7, 1))
    workspace.step("Compare", {"baseline": given[0], "candidate": given[1]})
    assert workspace.text("output") == "exit-code=2\n"


def test_a_success_without_a_decision_is_no_verdict(workspace):
    (workspace.root / "lmms_eval_cross").mkdir()
    (workspace.root / "lmms_eval_cross" / "__init__.py").write_text("raise SystemExit(0)")
    workspace.step("Compare", {"baseline": "a", "candidate": "b"}, PYTHONPATH=str(workspace.root))
    assert workspace.text("output") == "exit-code=3\n"


@pytest.mark.long
def test_a_baseline_without_a_seal_is_refused_unless_asked_for(workspace):
    shutil.copytree(OLD, workspace.root / "old")
    given = {"baseline": "old/baseline.json", "candidate": "old/run", "margins": "compliance=60"}
    done = workspace.step("Compare", given)
    assert "has no seal" in done.stderr
    assert workspace.text("output") == "exit-code=2\n"
    workspace.step("Compare", {**given, "unsealed": "warn"})
    assert workspace.text("output").endswith("exit-code=0\n")
    assert "has no seal" in workspace.text("summary")


@pytest.mark.long
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python leaves the working directory out from 3.11 on")
def test_no_module_that_the_checkout_brings_is_run(workspace):
    own = 'import pathlib, os\npathlib.Path("ran").touch()\nraise SystemExit(0)'
    for name in ("lmms_eval_cross", "pip"):
        (workspace.root / name).mkdir()
        for file in ("__init__.py", "__main__.py"):
            (workspace.root / name / file).write_text(own)
    (workspace.root / "json.py").write_text(own)
    workspace.step("Compare", {"baseline": "a", "candidate": "b"})
    workspace.step("Install", {"package": "./nowhere"})
    assert not (workspace.root / "ran").exists()
    assert workspace.text("output") == "exit-code=2\n"


@pytest.mark.long
def test_no_output_is_written_through_a_link_that_the_checkout_brings(workspace):
    (workspace.root / "cross-gate").mkdir()
    (workspace.root / "mine").write_text("mine")
    for name in ("gate.md", "gate.xml", "gate.json", "baseline.json", "comment.md"):
        (workspace.root / "cross-gate" / name).symlink_to("../mine")
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "o/r", "GITHUB_BASE_REF": "main"}
    workspace.step("Compare", {"baseline": "b.json", "candidate": "b"}, **event)
    comment(workspace)
    assert workspace.text("mine") == "mine"


def test_only_what_the_gate_wrote_is_uploaded():
    step = next(step for step in ACTION["runs"]["steps"] if step["name"] == "Upload")
    files = [line.removeprefix("${{ inputs.output }}/") for line in step["with"]["path"].split("\n")[:-1]]
    assert files == ["gate.md", "gate.xml", "gate.json"]


@pytest.mark.long
def test_on_a_pull_request_the_baseline_is_the_base_branch_s(workspace):
    (workspace.root / "bin" / "gh").write_text('#!/bin/sh\necho "$@" >> "$GH_LOG"\nexit "${GH_EXIT:-0}"\n')
    event = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "o/r", "GITHUB_BASE_REF": "main"}
    (workspace.root / "baseline.json").write_text("{}")
    workspace.step("Compare", {"baseline": "./baseline.json", "candidate": "b"}, **event)
    told = workspace.text("gh.log")
    assert "repos/o/r/contents/baseline.json --field ref=main" in told
    assert workspace.text("output") == "exit-code=2\n", "what gh wrote is no baseline"
    done = workspace.step("Compare", {"baseline": "baseline.json", "candidate": "b"}, GH_EXIT="1", **event)
    assert "::error::The base branch has no such baseline" in done.stdout
    assert workspace.text("output").endswith("exit-code=3\n")
    workspace.step("Compare", {"baseline": "baseline.json", "baseline-from": "checkout", "candidate": "b"}, **event)
    assert workspace.text("gh.log").count("contents") == 2


def install(workspace: Workspace, **inputs: str) -> tuple[int, list[str]]:
    """The Install step with a Python that writes down what it is told: exit code and commands."""
    log = workspace.root / "python.log"
    (workspace.root / "bin" / "python").write_text(FAKE_PYTHON)
    (workspace.root / "bin" / "python").chmod(0o755)
    done = workspace.step("Install", inputs, PYTHON_LOG=str(log), GITHUB_ACTION_PATH="/action path")
    return done.returncode, log.read_text().splitlines() if log.exists() else []


def test_the_action_installs_its_own_checkout_without_lmms_eval(workspace):
    assert install(workspace) == (
        0,
        [
            "-m pip install --quiet --requirement /action path/requirements/gate.txt",
            "-m pip install --quiet --no-deps /action path",
        ],
    )


@pytest.mark.parametrize("package", ["./clone", "git+https://x/lmms-eval-cross@abc", "lmms-eval-cross @ file:///c"])
def test_another_place_to_install_from_may_be_named(workspace, package):
    assert install(workspace, package=package) == (0, [f"-m pip install --quiet {package}"])


@pytest.mark.parametrize("package", ["lmms-eval-cross", "LMMS_eval_cross==0.1.0"])
def test_the_packages_name_on_an_index_is_nobodys_and_not_installed(workspace, package):
    assert install(workspace, package=package) == (2, [])


def test_a_package_that_python_cannot_start_is_no_verdict(workspace):
    (workspace.root / "lmms_eval_cross").mkdir()
    (workspace.root / "lmms_eval_cross" / "__init__.py").write_text("import nothing_of_this_name")
    done = workspace.step("Compare", {"baseline": "a", "candidate": "b"}, PYTHONPATH=str(workspace.root))
    assert "nothing_of_this_name" in done.stderr
    assert workspace.text("output") == "exit-code=3\n"


@pytest.mark.parametrize(
    ("code", "policy", "ending"),
    [("0", "fail", 0), ("1", "fail", 1), ("1", "warn", 1), ("2", "warn", 2), ("3", "fail", 3), ("3", "warn", 0)],
)
def test_the_last_step_ends_with_the_gates_exit_code(workspace, code, policy, ending):
    assert workspace.step("Decide", {"no-verdict": policy}, CODE=code).returncode == ending


def test_a_job_whose_comparison_never_ran_is_no_verdict(workspace):
    assert workspace.step("Decide", {}, CODE="").returncode == 3


def comment(workspace: Workspace, **environment: str) -> subprocess.CompletedProcess[str]:
    (workspace.root / "cross-gate").mkdir(exist_ok=True)
    (workspace.root / "cross-gate" / "gate.md").write_text("### CROSS\n")
    return workspace.step("Comment", {}, GH_REPO="o/r", PULL_REQUEST="7", **environment)


def test_the_first_comment_is_made_and_later_ones_replace_it(workspace):
    comment(workspace)
    assert "--method POST repos/o/r/issues/7/comments --field body=@cross-gate/comment.md" in workspace.text("gh.log")
    assert workspace.text("cross-gate/comment.md") == "<!-- cross-gate -->\n### CROSS\n"
    (workspace.root / "comments").write_text("11\n12\n")
    comment(workspace)
    assert "--method PATCH repos/o/r/issues/comments/12" in workspace.text("gh.log")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_a_stranger_s_comment_with_our_mark_is_left_alone():
    script = next(step["run"] for step in ACTION["runs"]["steps"] if step["name"] == "Comment")
    (query,) = re.findall(r"ours='(.*)'", script)
    mark = "<!-- cross-gate -->"
    comments = [
        {"id": 11, "user": {"login": "github-actions[bot]"}, "body": f"{mark} ours"},
        {"id": 12, "user": {"login": "stranger"}, "body": f"{mark} theirs"},
        {"id": 13, "user": {"login": "github-actions[bot]"}, "body": "of another action"},
    ]
    environment = {**os.environ, "AUTHOR": "github-actions[bot]", "mark": mark}
    done = subprocess.run(
        ["jq", query], input=json.dumps(comments), env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["11"]


def test_a_comment_that_may_not_be_written_warns_and_does_not_decide(workspace):
    done = comment(workspace, GH_EXIT="1")
    assert done.returncode == 0
    assert "::warning::The comment could not be written" in done.stdout


def test_without_a_result_there_is_no_comment(workspace):
    assert workspace.step("Comment", {}, GH_REPO="o/r", PULL_REQUEST="7").returncode == 0
    assert workspace.text("gh.log") == ""
