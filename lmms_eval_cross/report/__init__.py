"""The report: safety and capability of several runs on one page, and the same numbers as Markdown, CSV and JSON.

Imports compare/, trust/, session, stats/ and what is below them.
"""
