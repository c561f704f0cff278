"""How fast an endpoint may be asked: quotas that it tells, and a rate found where it tells none.

Pure: asks nobody, and imports nothing of ours.
"""
