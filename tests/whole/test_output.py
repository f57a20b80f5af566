"""One module writes to the terminal; no other prints, and no program that we start writes there by itself, but for the
few that are named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from support import ROOT

PACKAGE = ROOT / "flask_slipway"
PLACE = "ui/output.py"

# What writes by itself, and why. The sandbox's host is processes of its own, whose output is a log.
EXCEPTIONS = {
    ("sandbox/host/uwsgi_site.py", "sys.stderr"): "a process of the host: its error log",
    ("sandbox/host/uwsgi_site.py", "logging.basicConfig"): "the same",
    ("sandbox/host/ssh.py", "logging.basicConfig"): "a process of the host: its log",
    ("sandbox/host/ssh.py", "os.write"): "into a pseudo-terminal of its own",
    ("ssh/terminal.py", "sys.stdout"): "workon: a shell on the server, byte for byte, because that was asked for",
    ("ssh/terminal.py", "sys.stderr"): "the same",
    ("project/app.py", "subprocess.run"): "inv run, flask db init: the person's own app, in their terminal",
    ("release/run_tests.py", "subprocess.run"): "inv test: the person's own tests, in their terminal",
    ("sandbox/demo.py", "subprocess.run"): "inv demo: our own commands, each of which holds to this",
}

STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__", "displayhook"}
WRITING = {
    "os.write",
    "warnings.warn",
    "logging.basicConfig",
    "logging.StreamHandler",
    "traceback.print_exc",
    "traceback.print_exception",
    "traceback.print_stack",
    "pprint.pprint",
    "click.echo",
    "click.secho",
    "getpass.getpass",
    "os.system",
}
STARTING = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call"}


def writing(source: str) -> Iterator[str]:
    """What in the source writes to the terminal: print, a standard stream, a program that inherits one."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            yield from (f"sys.{alias.name}" for alias in node.names if alias.name in STREAMS)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if (node.value.id == "sys" and node.attr in STREAMS) or name in WRITING:
                yield name
        if isinstance(node, ast.Constant) and node.value in ("/dev/tty", "/dev/stdout", "/dev/stderr"):
            yield str(node.value)
        if isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name == "print" or (name == "input" and call.args):
        yield name
    if name in STARTING:
        given = {word.arg for word in call.keywords}
        if "capture_output" not in given and not given >= {"stdout", "stderr"}:
            yield name


def found() -> set[tuple[str, str]]:
    """(module, what) of the laptop's half."""
    paths = [path for path in PACKAGE.rglob("*.py") if "server" not in path.relative_to(PACKAGE).parts]
    names = {path: path.relative_to(PACKAGE).as_posix() for path in paths}
    return {(names[path], what) for path in paths for what in writing(path.read_text(encoding="utf-8"))}


def test_one_module_writes_to_the_terminal_and_the_exceptions_are_those_that_are_named():
    assert {one for one in found() if one[0] != PLACE} == set(EXCEPTIONS)
    assert (PLACE, "sys.stdout") in found()


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("def late():\n    print('x')", "print"),
        ("import sys\nsys.stdout.write('x')", "sys.stdout"),
        ("import sys\nsys.stderr.buffer.write(b'x')", "sys.stderr"),
        ("from sys import stdout as out\nout.write('x')", "sys.stdout"),
        ("import os\nos.write(1, b'x')", "os.write"),
        ("name = input('Name? ')", "input"),
        ("import subprocess\nsubprocess.run(['git', 'push'])", "subprocess.run"),
        ("import subprocess\nsubprocess.Popen(['pip'], stdout=-1)", "subprocess.Popen"),
        ("open('/dev/tty', 'w')", "/dev/tty"),
    ],
)
def test_a_module_that_would_write_by_itself_is_found(source, what):
    assert what in set(writing(source))
