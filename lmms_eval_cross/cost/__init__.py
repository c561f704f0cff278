"""What judging will cost, before any call."""
