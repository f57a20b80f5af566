"""The parts of the live site: clone, virtualenv, WSGI file, processes, app."""
