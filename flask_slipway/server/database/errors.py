"""A database that cannot be reached or read: what its own words mean, and what to do about it."""

from __future__ import annotations

from ..lib.next_steps import Named, on_server
from ..lib.outcome import Refused

# The server's number or its client's, or a word of theirs, and what to do.
PASSWORD = (1045, 1698, 1044)
UNKNOWN = (1049,)
NOBODY = (2002, 2003, 2005, 2013)
TOO_MANY = (1040, 1203, 1226)


def refusal(site: Named, error: BaseException, description: str, text: str) -> Refused:
    """The refusal. `error`: the DatabaseError; `description`: the database in words; `text`: the error, masked."""
    lines = [description, text] if description else [text]
    return Refused("the database cannot be reached", lines, fixes(site, error, text))


def fixes(site: Named, error: BaseException, text: str) -> list[str]:
    """What to type next, for what the database or its client said."""
    name, code = site.name, getattr(error, "code", None)
    if code in PASSWORD:
        return ["compare name and password in .env with the Databases tab: fab %s.workon" % name]
    if code in UNKNOWN:
        return [
            "correct its name in .env: fab %s.workon" % name,
            "or, where it is gone: make it on the Databases tab, then  fab %s.restore" % name,
        ]
    if code in NOBODY:
        return ["correct its host in .env, or start it, then  fab %s.check" % name]
    if code in TOO_MANY:
        return ["end consoles and tasks that use it, or wait, then try again"]
    if "is not installed" in text:
        return ["install the MySQL client programs there, then  fab %s.check" % name]
    if "not a database" in text or "malformed" in text:
        path = text.split(": ")[0]
        return [on_server(site, "mv", path, path + ".damaged"), "then  fab %s.restore" % name]
    return ["fab %s.check" % name]
