"""Task YAMLs, for lmms-eval to read."""
