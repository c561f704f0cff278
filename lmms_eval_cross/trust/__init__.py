"""Whether a judge can be trusted, and how it is replaced: agreement, anchors, labels, corrected scores, bridges.

Imports session, stats/ and what is below them.
"""
