"""A clone in a folder, as the server's half meets one, and what tests do to it."""

import os

from flask_slipway.server.lib import files, process
from flask_slipway.server.site import clone

AWKWARD = [
    "it's $HOME.txt",
    'a "quoted" name.txt',
    "back\\slash.txt",
    "-dash.txt",
    "tab\there.txt",
    "é漢.txt",
    "50%.txt",
]


def run_git(folder, *arguments):
    return process.run(["git", *arguments], cwd=str(folder))


def write(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder, text):
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", text)
    return clone.commit(str(folder))


def tree(folder):
    """{path: bytes} of all that is not git's own."""
    return {
        os.path.relpath(os.path.join(top, name), folder): files.read(os.path.join(top, name))
        for top, folders, names in os.walk(folder)
        for name in names
        if ".git" not in top.split(os.sep)
    }
