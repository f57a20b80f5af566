"""The conversation with the laptop."""
