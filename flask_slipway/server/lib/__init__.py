"""Tools without a subject of their own."""
