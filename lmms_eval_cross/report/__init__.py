"""The report: safety and capability of several runs on one page, and the same numbers as Markdown, CSV and JSON."""
