"""The server's half, sent there as a zip: standard library only, Python 3.8 or newer, imports nothing of the rest."""
