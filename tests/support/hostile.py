"""A server that means no good: where an account has its Python, a program that says whatever a test lets it.

It stands on a real SSH server (ssh_host.Host, or the sandbox's), named by `python:` of the site. A test gives its part
as Python, in which there are: greet(), asked() for what the laptop sends, say(event) and line(bytes) behind the nonce,
raw(bytes) without it, FACTS and END to start from, beats() for signs of life without end."""

from __future__ import annotations

import sys
from pathlib import Path

FACTS = {
    "event": "facts",
    "fingerprint": "f" * 64,
    "commit": "c" * 40,
    "branch": "main",
    "changes": [],
    "edits": [],
    "own": {".env": ".env"},
    "revisions": ["8a1c5e20"],
    "requirements": {"requirements.txt": None},
    "wsgi": "0" * 64,
    "gate": "down",
    "packages": None,
    "database": {
        "dialect": "sqlite",
        "version": "3.40",
        "name": "site.db",
        "host": "",
        "bytes": 1,
        "tables": 1,
        "rows": 1,
    },
    "fence": "down",
    "fence_kind": "sqlite",
    "unseen": "",
    "scratch": True,
    "restore_blockers": [],
    "load_seconds": 0.1,
    "lock": None,
    "interrupted": None,
    "last": None,
    "backups": 0,
    "other_database": None,
}
END = {
    "event": "end",
    "code": 0,
    "outcome": "done",
    "what": "",
    "cause": [],
    "where": None,
    "next": [],
    "seconds": None,
    "closed": None,
    "commit": None,
    "data": {},
}
STATUS = {
    **FACTS,
    "heads": ["8a1c5e20"],
    "texts": {"8a1c5e20": "first"},
    "differences": [],
    "subject": "Begin",
    "health": "200 OK",
    "guarantees": [],
    "next": [],
}

PROGRAM = """#!{python}
import json, os, sys, time
NONCE = b"0123456789abcdef01234567"
FACTS, END, STATUS = {facts!r}, {end!r}, {status!r}

def raw(data):
    while data:
        data = data[os.write(1, data):]

def line(data):
    raw(NONCE + b" " + data + b"\\n")

def say(event):
    line(json.dumps(event).encode())

def greet():
    raw(b"\\nslipway-hello " + NONCE + b" 3.11\\n")

def asked():
    head = b""
    while not head.endswith(b"\\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit()
        head += byte
    data = b""
    while len(data) < int(head):
        data += os.read(0, int(head) - len(data))
    return json.loads(data)

def beats(seconds=0.2):
    while True:
        say({{"event": "beat"}})
        time.sleep(seconds)

try:
    exec({code!r})
    os.read(0, 1 << 20)
except BrokenPipeError:
    pass
"""


def python(folder: Path, code: str) -> Path:
    """Writes the program that plays `code` into `folder`; its path is what `python:` of a site may name."""
    path = folder / "python-that-means-no-good"
    text = PROGRAM.format(python=sys.executable, code=code, facts=FACTS, end=END, status=STATUS)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def answers(*events: object) -> str:
    """The part of a server that greets, hears what is asked, and says these events."""
    return f"greet(); asked(); asked(); [say(event) for event in {list(events)!r}]"
