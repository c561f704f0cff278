"""From training data to a safer model: examples and pairs, their folder, import, leak check and export."""
