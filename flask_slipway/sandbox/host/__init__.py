"""A PythonAnywhere on this machine: SSH, web app, database, home. A site like any other.

from flask_slipway import sandbox
site = sandbox.up(Path(".sandbox"), Path("."))
site.environment()          # its entry in an invoke.yaml
sandbox.down(site.folder)
"""

from __future__ import annotations

from flask_slipway.sandbox.host.site import down, load, up
from flask_slipway.sandbox.host.state import Sandbox

__all__ = ["Sandbox", "down", "load", "up"]
