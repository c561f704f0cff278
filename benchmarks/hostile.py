"""Hostile inputs, a row a kind: python -m benchmarks.hostile. Prints a Markdown table; docs/failures.md has one.

Every case is a test, so what is counted here is what CI holds: a case got through if a number changed that must not, a
command ended in a traceback, waited without end, or let a string do something where it is shown.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

KINDS: Mapping[str, Sequence[str]] = {
    "a ledger whose names and tables are statements": (
        "hostile_ledgers.py::test_a_column",
        "::test_tables_that",
        "::test_nothing",
    ),
    "a ledger whose rows don't give their keys, or are of other types": (
        "hostile_ledgers.py::test_only_what",
        "::test_an_edited",
        "::test_no_verdict",
    ),
    "odd rows of a ledger, on the page of what is being judged": ("hostile_view.py::test_",),
    "a ledger that is damaged, no file, or another owner's": (
        "hostile_ledgers.py::test_what_is_no",
        "::test_any_damage",
        "::test_a_ledger_of",
    ),
    "scores that their replies don't give": ("hostile_ledgers.py::test_verify", "::test_large"),
    "an odd reply, an entry that no ledger can hold": (
        "odd_bodies.py::test_any",
        "::test_what_a_ledger",
        "steady_ledger.py::test_an_entry",
        "::test_of_responses",
    ),
    "refusals that come at any rate, an absurd wait": (
        "limiter.py::test_refusals",
        "::test_a_quota_is_found_beside",
        "::test_an_absurd",
    ),
    "usage that is no count, a clock that is set back": (
        "engine.py::test_a_call_without",
        "::test_a_clock",
        "odd_bodies.py::test_thinking",
    ),
    "a score behind a verdict, quoted, or of another scale": (
        "reply.py::test_a_score_that",
        "::test_two_verdicts",
        "::test_other_scales",
        "::test_a_quotation",
        "::test_no_text_behind",
    ),
    "a body or a picture beyond its limits": (
        "odd_bodies.py::test_a_body",
        "images.py::test_decompression",
        "::test_a_file_that_promises",
        "::test_a_picture_beyond",
    ),
    "a run that was edited to pass the gate": ("edited_runs.py::test_an_edited",),
    "a baseline that was edited": ("edited_runs.py::test_a_baseline",),
    "a baseline without a seal": ("old_files.py::test_every", "::test_an_old", "ci_examples.py::test_a_baseline"),
    "an option or nothing in a path's place": ("edited_runs.py::test_an_empty", "ci_examples.py::test_an_option"),
    "another value or other bytes anywhere in a file": ("hostile_files.py::test_another", "::test_any_bytes"),
    "a line that is no sample": ("hostile_files.py::test_a_line",),
    "a FIFO, folder, device or dangling link for a file": ("hostile_files.py::test_what_is_no",),
    "a training file, list, preset or dataset that is none": ("hostile_align.py::test_",),
    "an odd line among a batch's answers": ("batch.py::test_an_odd", "::test_a_refusal_in", "::test_a_batch_reply"),
    "labels and anchors that hold a thing twice": ("hostile_files.py::test_two", "::test_an_answer", "::test_a_prob"),
    "prepared data that were edited": ("hostile_files.py::test_prepared",),
    "a link in a passing file's way, another user's lock or log": (
        "hostile_files.py::test_a_file",
        "::test_a_lock",
        "hostile_ledgers.py::test_a_log_of",
    ),
    "a download without end, or packed": ("hostile_files.py::test_a_body", "::test_a_bomb"),
    "a string that acts where it is shown": (
        "text.py::test_",
        "hostile_strings.py::test_",
        "hostile_judges.py::test_",
        "hostile_arguments.py::test_no_word",
    ),
    "a FIFO, device, folder or loop of links for each word of each command": ("hostile_arguments.py::test_what_is_no",),
    "a comment, baseline, module, link or success that is not the gate's": (
        "ci_examples.py::test_a_stranger",
        "::test_on_a_pull",
        "::test_a_success",
        "::test_no_module",
        "::test_no_output",
        "::test_only_what",
    ),
}
"""Kind -> how the names of its tests begin, the file's once for all that follow it."""


def selected(starts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The tests of a kind: file and the name of the function."""
    file = ""
    for start in starts:
        given, _, name = start.partition("::")
        file = f"tests/test_{given}" if given else file
        for function in re.findall(rf"^def ({name}\w*)", Path(file).read_text(encoding="utf-8"), re.MULTILINE):
            yield file, function


def outcomes(tests: Collection[tuple[str, str]]) -> Counter[tuple[str, str, bool]]:
    """File, function and whether it got through, of every case of some tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        names = ["::".join(test) for test in sorted(tests)]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", f"--junitxml={report}", *names]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        cases = ElementTree.parse(report).iter("testcase")
        return Counter((*_test_of(case), _got_through(case)) for case in cases if case.find("skipped") is None)


def _test_of(case: ElementTree.Element) -> tuple[str, str]:
    file = f"{case.get('classname', '').replace('.', '/')}.py"
    return file, case.get("name", "").partition("[")[0]


def _got_through(case: ElementTree.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def main() -> None:
    """Print the table."""
    of_kind = {kind: set(selected(starts)) for kind, starts in KINDS.items()}
    tried = outcomes(set().union(*of_kind.values()))
    print("| hostile input | cases | got through |\n| --- | ---: | ---: |")
    for kind, tests in of_kind.items():
        got_through = sum(tried[(*test, True)] for test in tests)
        held = sum(tried[(*test, False)] for test in tests)
        print(f"| {kind} | {held + got_through} | {got_through} |")


if __name__ == "__main__":
    main()
