"""What CROSS is: samples and outcomes, splits and groups, facts of the release, rubric.

Imports settings, files, text and errors alone.
"""
