"""Backups: made, kept, put back."""
