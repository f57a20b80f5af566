"""The server's half: sent to the server as a zip; standard library only, Python 3.8 or newer, imports nothing of the rest."""
