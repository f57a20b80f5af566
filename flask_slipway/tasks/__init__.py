"""The tasks: flags in, one function called. Tasks never call tasks."""
