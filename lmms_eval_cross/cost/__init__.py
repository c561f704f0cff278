"""What judging will cost, before any call.

Imports session, judge/ and what is below them.
"""
