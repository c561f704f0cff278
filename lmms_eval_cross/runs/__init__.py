"""What a run holds: its files, a record a sample, scorecards, suspicions, failed generations. Judges nothing."""
