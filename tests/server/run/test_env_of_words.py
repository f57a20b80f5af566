"""Whatever the values of .env are: a run and its return read what was written down, and do what they do."""

import os
import sys
from types import SimpleNamespace

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.lib import process
from flask_slipway.server.lib.masking import COVER, Mask
from flask_slipway.server.lib.outcome import Failed
from flask_slipway.server.records import known_once
from flask_slipway.server.run import facts, record, schema, steps
from flask_slipway.server.site import health
from flask_slipway.server.site.app_process import AppFailed
from flask_slipway.server.site.site import Site
from support.folders import Folders
from support.kill import ends


@pytest.fixture
def folders(tmp_path):
    return Folders.on_sqlite(tmp_path)


def texts(value):
    """Every text of a JSON value, keys too."""
    if isinstance(value, dict):
        return {*value, *(text for inner in value.values() for text in texts(inner))}
    if isinstance(value, list):
        return {text for inner in value for text in texts(inner)}
    return {value} if isinstance(value, str) else set()


def killed(folders):
    """A run that is killed in the middle of its swap; its journal's lines."""

    def act():
        run = folders.begun()
        run.about_to(protocol.SWAPPING, before=folders.commits[0], after=folders.commits[1], kept=["uploads"])
        os._exit(9)

    assert not ends(act, -1)
    run = folders.run("recover")
    run.id = facts.open_run(folders.site)["run"]
    run.open_folder()
    return run.journal.lines()


def test_a_run_whose_every_word_is_a_secret_of_env_is_taken_back_by_recover(folders):
    words = sorted(word for line in killed(folders) for word in texts(line) if "\n" not in word)
    assert {"before", "swapping", "facts", "uploads", *folders.commits} <= set(words)
    assert folders.recover()["code"] == 0
    settings = [f"DB_PASSWORD_{number}='{word}'\n" for number, word in enumerate(words)]
    (folders.project / ".env").write_text("AUTH_HOOK=before\nAUTH_BACKEND=database\n" + "".join(settings))
    assert COVER not in str(killed(folders))
    ending = folders.recover()
    assert (ending["code"], ending["what"]) == (0, "The interrupted release is taken back")
    assert folders.left() == []
    folders.begun().end()


@pytest.mark.parametrize("before", range(20, 60, 10))
def test_what_is_cut_is_masked_before(folders, tmp_path, before):
    """Of a secret that stands where a text is cut, no piece is told."""
    secret, log = "Zq8-0123456789-0123456789", tmp_path / "error.log"
    folders.site = Site({**folders.site.words, "logs": {"error": str(log)}})
    (folders.project / ".env").write_text(f"MAIL_PASSWORD={secret}\n")
    run = folders.run("release")
    run.facts.know_secrets()
    mark = health.log_mark(str(log))
    log.write_text(f"Traceback (most recent call last):\n  File\nValueError: {'x' * before} {secret}\n")
    assert "Zq8" not in steps.new_in_log(run, mark)
    told = []
    run.events.wire.send = told.append

    def ask(what):
        raise AppFailed({"error": f"{'x' * (before + 40)} {secret}"})

    assert schema._lacking(run, SimpleNamespace(ask=ask)) == []
    assert "Zq8" not in str(told)
    command = f"import sys; sys.exit('{secret} ' + 'x' * {7960 + before} + '\\nlast')"
    with pytest.raises(process.Failed) as raised:
        process.run([sys.executable, "-c", command])
    assert raised.value.output == "last\n"


def test_how_a_run_ended_is_written_down_without_a_secret(folders):
    (folders.project / ".env").write_text("MAIL_PASSWORD=Summer-77\n")
    run = folders.begun(stage=False)
    record.finish(run, "returned", Failed("no login with Summer-77", ["mail says Summer-77"], ["fab prod.logs"]))
    run.end()
    ending = run.journal.last(protocol.END)["ending"]
    assert (ending["what"], ending["cause"]) == (f"no login with {COVER}", [f"mail says {COVER}"])


def test_what_was_secret_at_an_earlier_run_is_known_again_though_no_file_holds_it(folders):
    wsgi = folders.wsgi.read_text()
    folders.wsgi.write_text(f"{wsgi}\nMAIL_PASSWORD = 'Summer-77'\n")
    killed(folders)
    folders.recover()
    folders.wsgi.write_text(wsgi)
    mask = Mask()
    known_once.recall(folders.site, mask)
    assert mask.text("(535, b'Summer-77')") == f"(535, b'{COVER}')"
