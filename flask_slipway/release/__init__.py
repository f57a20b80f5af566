"""A release: checked, planned, told, from this machine."""
