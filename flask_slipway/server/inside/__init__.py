"""What runs in the app's own Python."""
