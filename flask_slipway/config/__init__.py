"""invoke.yaml and the host's conventions."""
