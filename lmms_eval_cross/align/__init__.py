"""From data to a safer model: what is trained on, and the training."""
