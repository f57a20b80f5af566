"""A PythonAnywhere on this machine: SSH, web app, database, home. A site like any other."""
