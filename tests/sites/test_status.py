"""The table of `inv status`."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

from flask_slipway.errors import Unreachable
from flask_slipway.sandbox.host import home
from flask_slipway.sites.status import Column, lines, site_column
from flask_slipway.ui import screen


def test_a_site_that_cannot_be_asked_says_why_below_those_that_answer():
    stop = Unreachable("prod.example.org does not let me in", ["It was tried once."], ["ssh me@prod.example.org"])
    shown = lines([Column("staging", {"code": "3f2a6d1"}), Column("prod", stop=stop)])
    assert shown == [
        "      staging",
        "code  3f2a6d1",
        "prod: prod.example.org does not let me in",
        "  It was tried once.",
        "  Next: ssh me@prod.example.org",
    ]


def test_what_stands_in_the_place_of_an_ssh_server_gives_no_orders_to_the_terminal(site, tmp_path, capsys):
    """Before any host key is known, its first line is told: here one that would fill the clipboard."""
    with socket.socket() as hostile:
        hostile.bind(("127.0.0.1", 0))
        hostile.listen()

        def greet():
            channel, _ = hostile.accept()
            channel.sendall(b"SSH-\x1b]52;c;Y3VybCBldmls\x07-x\r\n")
            channel.close()

        threading.Thread(target=greet, daemon=True).start()
        home.keys(tmp_path / "ssh")
        there = replace(site, host="127.0.0.1", port=hostile.getsockname()[1], host_key=("SHA256:x",), unedited=())
        there = replace(there, key=str(tmp_path / "ssh/id_ed25519"))
        screen.tell(lines([site_column(there, tmp_path)]))
    told = capsys.readouterr().out
    assert "\\x1b]52;c;Y3VybCBldmls\\x07" in told
    assert "\x1b" not in told and "\x07" not in told


def test_no_words_of_a_site_give_orders_to_the_terminal(capsys):
    """Not in the table, its drift, its reasons, nor in what to type."""
    words = "\x1b]52;c;eA==\x07\u202e"
    stop = Unreachable(words, [words], [words])
    screen.tell(lines([Column("prod", {"code": words}, None, (words,), (words,)), Column("other", stop=stop)]))
    told = capsys.readouterr().out
    assert told.count("\\x1b]52;c;eA==\\x07\\u202e") == 6
    assert told.replace("\n", "").isprintable()
