"""JUnit XML, as GitLab and Jenkins show it: a test case for each gated metric."""

from typing import Final
from xml.etree import ElementTree as Xml

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Comparison, MetricResult

SUITE: Final = "cross"


def render_junit(comparison: Comparison) -> str:
    """The comparison as JUnit XML: worse is a failure, no verdict an error, or skipped where it is let through.

    A last case, `gate`, has what stands above the single metrics: coverage, failures, comparability, confirmation.
    """
    title = SUITE if comparison.is_measurement else f"{SUITE} ({words.NOT_A_MEASUREMENT})"
    suite = Xml.Element("testsuite", name=title)
    properties = Xml.SubElement(suite, "properties")
    told = {"sides": words.sides(comparison), "judged": words.judged(comparison), "bridge": words.bridged(comparison)}
    for key, value in told.items():
        Xml.SubElement(properties, "property", name=key, value=words.printable(value))
    for corrected in comparison.corrected:
        name, *cells = words.corrected_row(corrected)
        said = ", ".join(f"{key} {cell}" for key, cell in zip(words.CORRECTED_COLUMNS[1:], cells, strict=True))
        Xml.SubElement(properties, "property", name=f"corrected {name}", value=said)
    for each in comparison.metrics:
        if each.margin is not None:
            _metric_case(suite, comparison, each)
    _gate_case(suite, comparison)
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", "0")
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _metric_case(suite: Xml.Element, comparison: Comparison, metric: MetricResult) -> None:
    case = Xml.SubElement(suite, "testcase", classname=SUITE, name=words.printable(metric.name), time="0")
    found = metric.difference
    said = words.verdict(metric)
    if found is not None:
        said = (
            f"{words.percent(found.baseline_mean)} to {words.percent(found.candidate_mean)}, change "
            f"{words.points(found.difference)} ({words.span(found.lower_bound, found.upper_bound)}), "
            f"margin {words.margin(metric.margin)}: {words.verdict(metric)}"
        )
    _result(case, metric.decision or "inconclusive", said, comparison)


def _gate_case(suite: Xml.Element, comparison: Comparison) -> None:
    case = Xml.SubElement(suite, "testcase", classname=SUITE, name="gate", time="0")
    said = " ".join(filter(None, (words.bridged(comparison), words.confirmed(comparison), words.sentence(comparison))))
    _result(case, comparison.decision, said, comparison)


def _result(case: Xml.Element, decision: str, said: str, comparison: Comparison) -> None:
    if decision == "worse":
        Xml.SubElement(case, "failure", type="worse", message=words.printable(said))
    elif decision == "inconclusive" and comparison.exit_code == 0:
        Xml.SubElement(case, "skipped", message=words.printable(said))
    elif decision == "inconclusive":
        Xml.SubElement(case, "error", type="no verdict", message=words.printable(said))
    else:
        Xml.SubElement(case, "system-out").text = words.printable(said)
