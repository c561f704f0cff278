"""The report as Markdown to paste into a pull request."""

from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.rendering import markdown_environment
from lmms_eval_cross.report.slice_rows import slice_rows


def markdown(report: Report) -> str:
    """A summary: banners, verdicts, scores, differences, capability, countries, failures."""
    return (
        markdown_environment()
        .get_template("summary.md.j2")
        .render(
            report=report,
            countries=slice_rows(report.models, "country", "compliance"),
        )
    )
