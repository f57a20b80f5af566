"""fab ENV.logs: the end of a log, and what comes, without a secret, whole or in pieces, of today or of before."""

import pytest

from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.read import reads
from flask_slipway.server.read.reading import Reading
from flask_slipway.server.run import record
from support.folders import Folders

SECRET = "sup3rsecretpw"


class Wire:
    """Between two looks at the log, `acts` happen to it; then the laptop hangs up."""

    def __init__(self, acts=()):
        self.acts, self.told = list(acts), []

    def send(self, event):
        self.told.append(event["text"])

    def hung_up(self, seconds):
        if not self.acts:
            return True
        self.acts.pop(0)()
        return False


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "error.log").write_text("first\n")
    made = Folders.on_sqlite(tmp_path, logs={"error": str(tmp_path / "error.log")})
    (made.project / ".env").write_text(f"MAIL_PASSWORD={SECRET}\n")
    return made


@pytest.fixture
def log(tmp_path):
    return tmp_path / "error.log"


def logs(folders, wire, **wish):
    reading = Reading(folders.site, wish, wire, Mask())
    try:
        reads.logs(reading)
    finally:
        reading.facts.close()
    return wire.told


def adds(log, text):
    def act():
        with log.open("a") as file:
            file.write(text)

    return act


def test_a_secret_that_is_written_into_a_followed_log_in_pieces_is_masked(folders, log):
    adds(log, "half a line: sup3")()
    acts = [adds(log, text) for text in ("rse", "cretpw\nnext\nla", "st: sup3rsecre", "tpw", "\n")]
    assert logs(folders, Wire(acts), follow=True) == ["first", "half a line: ••••\nnext", "last: ••••"]


def test_a_followed_log_that_is_rotated_or_gone_for_a_while_is_followed_on(folders, log):
    def rotate():
        log.rename(log.with_suffix(".1"))

    acts = [adds(log, "second\n"), rotate, adds(log, "th"), adds(log, "ird\n")]
    assert logs(folders, Wire(acts), follow=True) == ["first", "second", "third"]


def test_the_end_of_a_log_begins_with_a_whole_line(folders, log):
    long = " ".join([SECRET] * 300)
    log.write_text(f"{long}\n{long}\nlast\n")
    (text,) = logs(folders, Wire(), lines=2)
    assert text == " ".join(["••••"] * 300) + "\nlast"
    log.write_text("no end of a line")
    assert logs(folders, Wire()) == ["no end of a line"]


def test_a_secret_that_stands_in_the_log_alone_by_now_is_masked_still(folders, log):
    wsgi = folders.wsgi.read_text()
    folders.wsgi.write_text(f"{wsgi}\nMAIL_PASSWORD = 'Summer-77'\n")
    run = folders.begun(stage=False)
    record.finish(run, "done")
    run.end()
    folders.wsgi.write_text(wsgi)
    log.write_text("smtplib.SMTPAuthenticationError: (535, b'5.7.8 Summer-77')\n")
    assert logs(folders, Wire()) == ["smtplib.SMTPAuthenticationError: (535, b'5.7.8 ••••')"]
