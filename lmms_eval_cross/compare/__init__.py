"""Two sides of runs, compared: not worse, worse, or no verdict."""
