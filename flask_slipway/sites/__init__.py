"""Many sites at once."""
