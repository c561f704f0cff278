"""What CROSS is: samples, splits and groups, facts of the release, rubric."""
