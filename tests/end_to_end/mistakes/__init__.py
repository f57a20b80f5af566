"""The mistakes at a site, a module for each subject; all their rows are in `WRONG`."""

from . import (
    account,
    app,
    clone,
    database,
    disk_full,
    health,
    kept,
    mysql_server,
    packages,
    programs,
    reach,
    remote,
    sandbox,
    wsgi_file,
)
from .table import WRONG, Row

__all__ = [
    "WRONG",
    "Row",
    "account",
    "app",
    "clone",
    "database",
    "disk_full",
    "health",
    "kept",
    "mysql_server",
    "packages",
    "programs",
    "reach",
    "remote",
    "sandbox",
    "wsgi_file",
]
