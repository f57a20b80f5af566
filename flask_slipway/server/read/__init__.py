"""The tasks that only read."""
