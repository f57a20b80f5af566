"""Every task where git is configured at its worst, on the laptop and on the account, for the person and the clone."""

from __future__ import annotations

import re
from pathlib import Path

from flask_slipway.tasks import local, remote
from support import hostile_git
from support.world import git

MOOD = "    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)"
NEW = f"{MOOD}\n    mood: Mapped[str | None] = mapped_column(String(20))"
LINE = "PASS" + 'WORD = "k8dj3ksl"\n'
# What is typed, its exit code, what it has to say. {base}: the first seven digits of the first commit.
STORY = [
    ("inv setup", 0, "database is at d0641f33"),
    ("inv current", 0, "d0641f33"),
    ("inv freeze --dry", 0, "requirements.txt"),
    ("inv status", 0, "{base}"),
    ("inv check", 0, "secrets       none in the change"),
    ("fab check", 0, "at {base}"),
    ("fab status", 0, "{base}"),
    ("fab current", 0, "d0641f33"),
    ("fab env", 0, ".env"),
    ("fab health", 0, "200"),
    ("fab logs", 0, ""),
    ("fab watch", 0, "{base}"),
    ("fab backup", 0, "verified"),
    ("fab backups", 0, ""),
    ("fab history", 0, "{base}"),
    ("fab workon -c pwd", 0, ""),
    ("fab install", 0, ""),
    ("fab seed", 0, ""),
    ("fab reload", 0, ""),
    ("fab close", 0, ""),
    ("fab open", 0, ""),
    ("fab recover --yes", 0, ""),
    ("secret", 0, ""),
    ("inv check", 3, "app/keys.py, line 1, in"),
    ("inv push", 3, "app/keys.py, line 1, in"),
    ("no secret", 0, ""),
    ("model", 0, ""),
    ("inv migrate -m mood", 0, "Applied"),
    ("inv downgrade", 0, "d0641f33"),
    ("inv upgrade", 0, ""),
    ("inv commit -m Mood", 0, "changed  app/models.py\n  new      migrations/versions/"),
    ("inv push", 0, "Pushed "),
    ("inv release --to site --yes --skip-tests", 0, "Released "),
    ("page", 0, ""),
    ("inv release --to site --yes --skip-tests -m Page", 0, "swap          1 file"),
    ("fab rollback --yes", 0, ""),
    ("fab pull", 0, ""),
    ("fab downgrade --yes", 0, "{base}"),
    ("fab restore --yes", 0, ""),
    ("fab upgrade --yes", 0, ""),
]
# These serve until Ctrl-C, run a suite, or make a site of their own, whose repository is made in
# tests/project/test_hostile_git.py.
OTHERS = {"inv run", "inv test", "inv demo", "inv sandbox.up", "inv sandbox.down"}


def test_the_story_has_every_task():
    folder = Path(__file__).parents[2]
    every = {f"inv {name}" for name in local.collection(folder).task_names}
    every |= {f"fab {name}" for name in remote.collection("prod", folder).task_names}
    assert {" ".join(typed.split()[:2]) for typed, _, _ in STORY if typed[:4] in ("inv ", "fab ")} == every - OTHERS


def edit(world, what):
    if what == "model":
        world.edit("app/models.py", MOOD, NEW)
    elif what == "page":
        world.edit("app/templates/base.html", "</body>", "<!-- changed --></body>")
    elif what == "secret":
        world.write({"app/keys.py": LINE})
        git(world.laptop, "add", "app/keys.py")
        git(world.laptop, "commit", "-q", "-m", "A secret")
        git(world.laptop, "rm", "-q", "app/keys.py")
        git(world.laptop, "commit", "-q", "-m", "Without")
    else:
        git(world.laptop, "reset", "-q", "--hard", world.base)


def test_every_task_is_the_same_where_git_is_configured_at_its_worst(sqlite_released, tmp_path):
    world = sqlite_released
    hostile = hostile_git.made(tmp_path / "hostile")
    homes = (world.folder / "laptop-home", Path(world.site.home))
    clones = (world.laptop, Path(world.site.project))
    wrong = []
    for typed, code, said in STORY:
        program, *words = typed.split()
        if program not in ("inv", "fab"):
            edit(world, typed)
            continue
        with hostile_git.configured(hostile, *homes, repositories=clones):
            done = world.run(program, *words) if program == "inv" else world.fab(words[0], *words[1:])
        hooks = {"post-index-change"} if re.match("inv (commit|release .*-m)", typed) else set()
        ran = set(hostile.ran()) - hooks  # those of a commit that a person asked for
        told = said.format(base=world.base[:7]) in done.out and "nonsense" not in done.out and "\x1b" not in done.out
        if done.code != code or ran or not told:
            wrong.append(f"{typed}: {done.code}, {ran or 'nothing ran'}\n{done.out}")
    assert not wrong, "\n".join(wrong)
    assert world.health()["http"] == 200
