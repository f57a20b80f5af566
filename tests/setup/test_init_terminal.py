"""`flask-slipway init` as a user types it in a terminal: what is asked, and what an answer does."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pty
import re
import select
import subprocess
import termios
from dataclasses import dataclass

import pytest

from support import ROOT, snapshot
from support.adopting import ANSWERS, INIT, ONE_FILE, WRITTEN, files, put, site


@dataclass
class Terminal:
    """A command in a terminal of 80 columns, as a person sees it."""

    master: int
    child: subprocess.Popen
    seen: str = ""
    at: int = 0

    def answer(self, question, text):
        """Waits for the question, then types."""
        while question not in self.seen[self.at :]:
            assert self._more(), f"{question!r} was not asked:\n{self.seen}"
        self.at = self.seen.index(question, self.at) + len(question)
        os.write(self.master, text.encode())

    def end(self):
        """Waits for its end; the exit code, and all that it printed since the last answer."""
        while self._more():
            pass
        return self.child.wait(30), self.seen[self.at :].replace("\r\n", "\n")

    def _more(self):
        ready, _, _ = select.select([self.master], [], [], 30)
        assert ready, f"it says nothing:\n{self.seen}"
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode()
        return bool(data)


@pytest.fixture
def terminal(blog):
    """Starts init in the project, in a pseudo-terminal."""
    with contextlib.ExitStack() as stack:

        def start(*options, project=blog):
            master, slave = pty.openpty()
            stack.callback(os.close, master)
            child = subprocess.Popen(
                [*INIT, *options],
                cwd=project.folder,
                env=blog.env,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            os.close(slave)
            stack.callback(child.kill)
            return Terminal(master, child)

        yield start


def test_the_domain_that_is_offered_follows_the_region(blog, terminal):
    here = terminal()
    here.answer("Account on PythonAnywhere, case-sensitive: ", "Nora\n")
    here.answer("Region, us or eu [us]: ", "eu\n")
    here.answer("Domain, as on the Web tab [nora.eu.pythonanywhere.com]: ", "\x03")
    assert here.end()[0] == 130


def test_a_person_is_asked_and_a_wrong_answer_is_asked_for_again_with_the_reason(blog, terminal):
    put(blog, flask_app=f"{ONE_FILE}import os\nENV = os.environ.get('FLASK_ENV')\n")
    here = terminal()
    here.answer("Account on PythonAnywhere, case-sensitive: ", "\n")
    here.answer("It should be a text", "")
    here.answer("Account on PythonAnywhere, case-sensitive: ", "ann@example.org\n")
    here.answer("It should be an account's name", "")
    here.answer("Account on PythonAnywhere, case-sensitive: ", "Ann\n")
    here.answer("Region, us or eu [us]: ", "\n")
    here.answer("Domain, as on the Web tab [ann.pythonanywhere.com]: ", "https://blog.test\n")
    here.answer("It should be a domain without https://", "")
    here.answer("Domain, as on the Web tab [ann.pythonanywhere.com]: ", "blog.test\n")
    here.answer("[comments]: ", "\n")
    here.answer("[comments_venv]: ", "\n")
    here.answer("What to call this site here [prod]: ", "Production\n")
    here.answer("It should be lower-case letters", "")
    here.answer("What to call this site here [prod]: ", "live\n")
    here.answer("FLASK_ENV, if the WSGI file sets it (- if not) [production]: ", "\n")
    here.answer("invoke.yaml", "")
    assert not set(WRITTEN) & files(blog).keys()
    here.answer("Write this? [y/N] ", "y\n")
    code, out = here.end()
    assert code == 0, out
    assert "Next: fab live.check" in out
    found = site(blog, "live")
    assert (found.user, found.domain, found.project) == ("Ann", "blog.test", "/home/Ann/comments")
    assert dict(found.env) == {"FLASK_ENV": "production"}
    assert max(map(len, here.seen.replace("\r\n", "\n").splitlines())) <= 80


def test_the_run_that_readme_shows_is_a_real_one(blog, terminal):
    blog = dataclasses.replace(blog, folder=blog.folder.rename(blog.folder.with_name("comments")))
    put(blog, flask_app=f"{ONE_FILE}from flask_migrate import Migrate\nMigrate(app)\n")
    for path in ("migrations/env.py", "migrations/script.py.mako", "migrations/versions/1_add_comments.py"):
        blog.write(path, "")
    blog.write(".gitignore", "__pycache__/\n")
    blog.write(".env", "SECRET_KEY=x\n")
    blog.write("instance/comments.db", "SQLite format 3\0")
    here = terminal(project=blog)
    here.answer("case-sensitive: ", "Ann\n")
    for _ in range(5):
        here.answer("]: ", "\n")
    here.answer("Write this? [y/N] ", "y\n")
    assert here.end()[0] == 0
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("$ flask-slipway init\n")[1].split("```")[0]
    lines = [re.escape(line) if line != "  …" else r"(?:(?:  .*)?\n)*?" for line in shown.splitlines()]
    wanted = "".join(f"{line} *\n" if not line.startswith("(?:") else line for line in lines)
    assert re.fullmatch(wanted, here.seen.replace("\r\n", "\n")), here.seen


def test_a_no_at_the_last_question_writes_nothing(blog, terminal):
    with snapshot.unchanged(blog):
        here = terminal(*ANSWERS)
        for _ in range(2):
            here.answer("]: ", "\n")
        here.answer("Write this? [y/N] ", "\n")
        code, out = here.end()
        assert (code, "Nothing was written." in out) == (0, True)


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "end of input"])
@pytest.mark.parametrize("after", [0, 3, 6])
def test_ctrl_c_or_the_end_of_input_at_a_question_writes_nothing(blog, terminal, key, after):
    with snapshot.unchanged(blog):
        here = terminal()
        for question in ["case-sensitive: ", "]: ", "]: ", "]: ", "]: ", "]: "][:after]:
            here.answer(question, "ann\n" if question == "case-sensitive: " else "\n")
        here.answer("Write this? [y/N] " if after == 6 else ": ", key)
        code, out = here.end()
        assert (code, "nothing was written" in out) == (130, True), out
