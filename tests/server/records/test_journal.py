"""The journal and the files that matter: what is left when a process is killed in the middle."""

import json
import os
import stat
import subprocess
import sys

import pytest

from flask_slipway.server.lib import files
from flask_slipway.server.records import journal, lines

# Replaces a file and is killed at the moment that it would give the new one its name.
KILLED = """
import os, signal, sys
from flask_slipway.server.lib import files
os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write(sys.argv[1], b"new")
"""
# Writes lines until it is killed.
WRITER = """
import sys
from flask_slipway.server.records import journal
book = journal.Journal(sys.argv[1])
number = 0
while True:
    number += 1
    book.write("revision", number=number)
    print(number, flush=True)
"""


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def book(tmp_path):
    return journal.Journal(str(tmp_path))


def test_lines_come_back_in_order_with_their_figures(book):
    book.write("fence")
    book.write("revision", id="8a1c5e20", rows=3)
    book.write("revision", id="d0641f33")
    assert [line["what"] for line in book.lines()] == ["fence", "revision", "revision"]
    assert book.last("revision")["id"] == "d0641f33"
    assert [line["id"] for line in book.all("revision")] == ["8a1c5e20", "d0641f33"]
    assert book.has("fence") and not book.has("gate")
    assert book.last("gate") is None


@pytest.mark.parametrize("length", [1, 9, 30])
def test_a_cut_off_last_line_is_passed_over(book, length):
    book.write("fence")
    whole = files.read(book.path)
    book.write("changing database", by="upgrade")
    with open(book.path, "r+b") as file:
        file.truncate(len(whole) + length)
    assert [line["what"] for line in book.lines()] == ["fence"]


def test_a_line_cut_in_the_middle_of_a_letter_is_passed_over(book):
    book.write("fence")
    with open(book.path, "ab") as file:
        file.write('{"what": "é'.encode()[:-1])
    assert [line["what"] for line in book.lines()] == ["fence"]


def test_what_is_written_after_a_cut_off_line_is_not_lost_with_it(book):
    """As `recover` does: it goes on in the journal of the run that was killed."""
    book.write("fence")
    with open(book.path, "ab") as file:
        file.write(b'{"what": "rev')
    book.write("recovering")
    book.write("database returned")
    assert [line["what"] for line in book.lines()] == ["fence", "recovering", "database returned"]


def test_a_writer_that_is_killed_has_lost_nothing_that_it_was_told_is_written(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    told = [int(child.stdout.readline()) for _ in range(20)]
    child.kill()
    told += [int(line) for line in child.stdout.read().splitlines()]
    child.wait()
    child.stdout.close()
    found = [line["number"] for line in lines.read(str(tmp_path / "journal.jsonl"))]
    assert found[: len(told)] == told
    assert len(found) - len(told) in (0, 1)


def test_a_line_is_on_the_disk_before_what_it_tells_is_done(book, monkeypatch):
    """A machine that loses its power cannot be played: it is looked at what is asked of the kernel."""
    durable, sync = [], os.fsync

    def noted(descriptor):
        durable.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    for what in ("gate", "fence"):
        book.write(what)
        there = os.stat(book.path)
        assert durable[-1] == (there.st_ino, there.st_size)
    assert os.stat(book.folder).st_ino in [inode for inode, _ in durable], "its name too"


def test_a_journal_is_its_owners_alone(book):
    book.write("fence")
    assert mode(book.path) == 0o600


def test_no_line_is_written_through_a_link(book, tmp_path):
    victim = tmp_path / ".bashrc"
    victim.write_text("own")
    os.symlink(victim, book.path)
    with pytest.raises(OSError, match="symbolic links"):
        book.write("fence")
    assert victim.read_text() == "own"


def test_a_folder_is_its_owners_alone_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        assert mode(files.folder(str(tmp_path / "state" / "locks"))) == 0o700
        assert mode(tmp_path / "state") == 0o700
        files.write(str(tmp_path / "state" / "locks" / "one"), b"")
        assert mode(tmp_path / "state" / "locks" / "one") == 0o600
    finally:
        os.umask(old)


def test_a_file_gets_the_mode_it_is_given_whatever_the_umask(tmp_path):
    old = os.umask(0o077)
    try:
        files.write(str(tmp_path / "public"), b"text", 0o644)
    finally:
        os.umask(old)
    assert mode(tmp_path / "public") == 0o644


@pytest.mark.parametrize(("umask", "made"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_file_of_the_site_gets_the_mode_that_the_umask_leaves_and_keeps_one_that_was_given(tmp_path, umask, made):
    old = os.umask(umask)
    try:
        files.write_shared(str(tmp_path / "REVISION"), b"one")
        assert mode(tmp_path / "REVISION") == made
        (tmp_path / "tool").write_text("old")
        (tmp_path / "tool").chmod(0o751)
        files.rewrite(str(tmp_path / "tool"), b"new")
    finally:
        os.umask(old)
    assert mode(tmp_path / "tool") == 0o751
    assert (tmp_path / "tool").read_bytes() == b"new"


def test_a_write_that_is_killed_before_its_rename_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "open_run"
    path.write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -9
    assert path.read_bytes() == b"old"
    left = [name for name in os.listdir(tmp_path) if name != "open_run"]
    assert [(tmp_path / name).read_bytes() for name in left] == [b"new"], "it was killed elsewhere"
    files.write(str(path), b"newer")
    assert path.read_bytes() == b"newer"


def test_a_write_that_fails_leaves_no_part_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        files.write(str(tmp_path / "folder"), b"data")
    assert os.listdir(tmp_path) == ["folder"]


def test_what_is_not_there_reads_as_none(tmp_path):
    assert files.read(str(tmp_path / "nowhere")) is None
    assert files.read_json(str(tmp_path / "nowhere")) is None
    assert files.sha256(None) is None
    assert lines.read(str(tmp_path / "nowhere")) == []
    files.remove(str(tmp_path / "nowhere"))


def test_json_comes_back_as_it_was(tmp_path):
    value = {"who": "bob@laptop", "rows": [1, 2.5, None, "é\n\u2028"]}
    files.write_json(str(tmp_path / "value"), value)
    assert files.read_json(str(tmp_path / "value")) == value
    lines.append(str(tmp_path / "lines"), value)
    assert lines.read(str(tmp_path / "lines")) == [value]
    assert json.loads((tmp_path / "lines").read_text()) == value
