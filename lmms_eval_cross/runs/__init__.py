"""What a run holds: its files, a record a sample, scorecards, suspicions, failed generations.

Imports benchmark/ and what is below it; judges nothing.
"""
