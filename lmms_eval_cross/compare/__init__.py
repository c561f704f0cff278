"""Two sides of runs, compared: not worse, worse, or no verdict.

Imports trust/, session, stats/ and what is below them.
"""
