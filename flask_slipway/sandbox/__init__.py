"""A PythonAnywhere on this machine, and one's own app on it."""
