"""JUnit XML, as GitLab and Jenkins show it: a test case for each gated metric."""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as Xml

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.stats import Decision
from lmms_eval_cross.text import drawable, printable

SUITE: Final = "cross"


def render_junit(comparison: Comparison) -> str:
    """The comparison as JUnit XML: worse is a failure, no verdict an error, or skipped where it is let through.

    A last case, `gate`, has what stands above the single metrics: coverage, failures, comparability, confirmation.
    """
    suite = Xml.Element("testsuite", name=SUITE)
    if not comparison.is_measurement:
        suite.set("name", f"{SUITE} ({words.NOT_A_MEASUREMENT})")
    properties = Xml.SubElement(suite, "properties")
    for name, value in _properties(comparison):
        Xml.SubElement(properties, "property", name=name, value=printable(value))
    for metric in comparison.metrics:
        if metric.margin is not None:
            _metric_case(suite, comparison, metric)
    _slices_case(suite, comparison)
    _gate_case(suite, comparison)
    _count(suite)
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawable(Xml.tostring(root, encoding="unicode"))}\n'


def _properties(comparison: Comparison) -> Iterator[tuple[str, str]]:
    yield "not gated", words.not_gated(comparison)
    yield "slices", words.fallen_slices(comparison) or words.untested_slices(comparison)
    yield "sides", words.sides(comparison)
    yield "judged", words.judged(comparison)
    yield "notes", " ".join(words.notes(comparison))
    yield "bridge", words.bridged(comparison)
    yield "looks", words.looked(comparison)
    yield "basis", words.basis(comparison)
    for correction in comparison.corrected:
        name, *cells = words.corrected_row(*correction)
        means = zip(words.CORRECTED_COLUMNS[1:], cells, strict=True)
        yield f"corrected {name}", ", ".join(map(" ".join, means))


def _count(suite: Xml.Element) -> None:
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", "0")


def _metric_case(suite: Xml.Element, comparison: Comparison, metric: MetricResult) -> None:
    case = Xml.SubElement(suite, "testcase", classname=SUITE, name=printable(metric.name), time="0")
    message = words.verdict(metric)
    if metric.difference is not None:
        before, after, change, bounds = words.change_cells(metric)
        bounds = f"{words.bounds_name(comparison)} {bounds}"
        message = f"{before} to {after}, change {change} ({bounds}), margin {words.margin(metric.margin)}: {message}"
    _result(case, metric.decision or "inconclusive", message, comparison)


def _slices_case(suite: Xml.Element, comparison: Comparison) -> None:
    """The slices' own case, where they decide."""
    if comparison.rules.slices != "fail" or not comparison.slices:
        return
    case = Xml.SubElement(suite, "testcase", classname=SUITE, name="slices", time="0")
    message = words.fallen_slices(comparison) or "No country and no language is shown to have fallen."
    decision: Decision = "not worse"
    if comparison.fallen_slices:
        decision = "worse"
    _result(case, decision, " ".join(filter(None, (message, words.untested_slices(comparison)))), comparison)


def _gate_case(suite: Xml.Element, comparison: Comparison) -> None:
    case = Xml.SubElement(suite, "testcase", classname=SUITE, name="gate", time="0")
    standing = (words.bridged(comparison), words.basis(comparison))
    sentences = (*standing, words.confirmed(comparison), words.sentence(comparison), words.not_gated(comparison))
    _result(case, comparison.decision, " ".join(filter(None, sentences)), comparison)


def _result(case: Xml.Element, decision: Decision, message: str, comparison: Comparison) -> None:
    text = printable(message)
    if decision == "worse":
        Xml.SubElement(case, "failure", type="worse", message=text)
    elif decision == "inconclusive" and comparison.exit_code == 0:
        Xml.SubElement(case, "skipped", message=text)
    elif decision == "inconclusive":
        Xml.SubElement(case, "error", type="no verdict", message=text)
    else:
        Xml.SubElement(case, "system-out").text = text
