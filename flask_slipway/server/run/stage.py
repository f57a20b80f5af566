"""Staging: the new commit beside the live code, its packages beside the live ones, and the app loaded there. What it
finds wrong is a refusal, for nothing that is live has been touched."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any, Collection, Iterable

from .. import protocol
from ..database import access, identity
from ..database.interface import Database
from ..database.mysql_client import DatabaseError
from ..lib import amounts, disk_full, files, own_files, process
from ..lib.outcome import Refused
from ..site import checkout, clone, edited, load_errors, permissions, pip_errors, preflight, virtualenv
from ..site.app_process import App, AppFailed
from ..site.site import Site
from . import schema, version_table
from .facts import Facts
from .run import Run


def refuse_edited(run: Run) -> None:
    """Raises Refused where somebody changed tracked files on the server: they are never discarded. What stays on disk
    whatever the new commit says is in no danger."""
    kept = set(map(clone.shown, run.kept))
    changed = [path for path in run.before["changes"] if path not in kept]
    if changed:
        raise edited.refusal(run.site, changed)


def refuse_own(run: Run, wanted: str) -> None:
    """Raises Refused where the new commit holds the site's database or .env, or compiled files."""
    stop = own_files.in_commit(run.site.name, clone.entries(run.site.project, wanted), run.facts.own())
    if stop is not None:
        raise Refused(stop.what, stop.lines, stop.next)


def refuse_submodules(run: Run, wanted: str) -> None:
    """Raises Refused where a commit holds another repository's commit in the place of files: they do not come along."""
    found = [path for path, entry in clone.entries(run.site.project, wanted).items() if clone.is_submodule(entry)]
    if found:
        path = found[0]
        raise Refused(
            "the commit %s has a submodule: %s" % (wanted[:7], ", ".join(found)),
            ["its files are another repository's: neither stage nor swap would bring them"],
            [
                "git rm --cached %s, remove %s/.git, git add %s: so its files are the project's own"
                % ((shlex.quote(path),) * 3),
                "or list it in requirements.txt, as  NAME @ git+URL@COMMIT",
            ],
        )


def refuse_overwriting(run: Run, wanted: str, kept: Collection[str] = ()) -> None:
    """Raises Refused where the new commit brings a file in whose place another lies in the live folder, unknown to git.
    The paths `kept` stay as they are."""
    for path in checkout.in_the_way(run.site.project, run.before["commit"], wanted, kept):
        raise Refused(
            "the new commit brings %s, and a file of that name lies on the server, unknown to git" % path,
            next=[
                "if it is the site's own: git rm --cached %s here, and name it in .gitignore" % shlex.quote(path),
                "or move it away on the server, then try again",
            ],
        )


def stage(run: Run, commit: str) -> str:
    """The commit checked out beside the live code, its packages beside the live ones, and the app loaded there."""
    stage_code(run, commit)
    text = stage_packages(run)
    loaded = load_stage(run, commit)
    later = run.site.writes_on_load
    words = "the app is loaded whole behind the gate, it writes while it loads" if later else "the app loads"
    return ", ".join([words, *loaded, *text])


def stage_code(run: Run, commit: str) -> None:
    """Checks the commit out beside the live code, with links to what git does not know there."""
    path, project = run.stage_folder, run.site.project
    preflight.refuse_locked(run.site)
    permissions.refuse_foreign_repository(run.site)
    live = run.before["commit"]
    refuse_submodules(run, commit)
    files.folder(os.path.dirname(path))
    run.about_to(protocol.STAGING, path=path, commit=commit)
    try:
        clone.add_stage(project, path, commit)
    except (process.Failed, OSError) as error:
        if not disk_full.is_full(error):
            raise
        why = disk_full.message(error)
        raise Refused("there is no room for the stage", [why], disk_full.fixes(run.site, error)) from error
    own = run.facts.own()
    run.kept = checkout.kept(project, path, live, commit, own)
    refuse_edited(run)
    refuse_overwriting(run, commit, run.kept)
    if live and live != commit:
        moved = set(clone.changed_paths(project, live, commit)) - set(run.kept)
        permissions.refuse_foreign_folders(run.site, sorted(moved))
    try:
        checkout.see_movable(project, live, commit, run.kept)
    except process.Failed as error:
        raise Refused("git cannot bring the live folder to %s" % commit[:7], [clone.reason(error)]) from error
    same = {name for name in run.kept if files.are_equal(os.path.join(project, name), os.path.join(path, name))}
    link(project, path, [name for name in run.kept if name in own or name not in same], instead=True)
    link(project, path, clone.ignored_and_untracked(project))
    link_to_come(project, path, run.facts.database_file())
    files.write_shared(os.path.join(path, "REVISION"), commit.encode() + b"\n")


def link(project: str, stage_folder: str, paths: Iterable[str], instead: bool = False) -> None:
    """Links in the stage to what lies at `paths` in the live folder; in the place of another file that is there only
    `instead`. A folder that is there on both sides stays, with links to what it lacks."""
    for path in paths:
        source, target = os.path.join(project, path), os.path.join(stage_folder, path)
        if path == "REVISION" or own_files.is_compiled(path) or not os.path.lexists(source):
            continue
        if _is_folder(source) and _is_folder(target):
            names = sorted(name for name in os.listdir(source) if name != ".git")
            link(project, stage_folder, [os.path.join(path, name) for name in names])
            continue
        if os.path.lexists(target):
            if not instead or _is_folder(target):
                continue
            os.unlink(target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(source, target)


def link_to_come(project: str, stage_folder: str, database: str | None) -> None:
    """Links in the stage to the site's SQLite file `database` where it lies in the live folder and is not there yet:
    what the first upgrade makes is made there."""
    if database is None or os.path.lexists(database):
        return
    name = os.path.relpath(database, os.path.realpath(project))
    target = os.path.join(stage_folder, name)
    if name.split(os.sep)[0] == os.pardir or os.path.realpath(target) == database:
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.symlink(database, target)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def stage_packages(run: Run, always: bool = False) -> list[str]:
    """Where requirements changed: a copy of the virtualenv with them installed. Returns words for the step's line."""
    asked = virtualenv.requirement_files(run.stage_folder)
    if asked[virtualenv.FILE] is None or (not always and asked == run.before["requirements"]):
        return []
    for path in asked:
        refuse_itself(run, path)
    permissions.refuse_foreign_packages(run.site)
    beside = run.packages_folder
    run.about_to(protocol.STAGING_PACKAGES, path=beside)
    requirements = os.path.join(run.stage_folder, virtualenv.FILE)
    try:
        before = set(virtualenv.installed(run.site.python))
        virtualenv.copy(run.site.virtualenv, beside)
        virtualenv.install(beside, run.site.virtualenv, requirements, run.stage_folder)
    except process.Failed as error:
        raise pip_errors.refusal(run.site, error) from error
    virtualenv.mark(beside, run.id)
    run.python = os.path.join(beside, "bin", "python")
    changed = set(virtualenv.installed(run.python)) ^ before
    names = {line.split("==")[0].split(" @")[0] for line in changed}
    if not names:
        return ["no package changed"]
    return ["%d package%s changed" % (len(names), "" if len(names) == 1 else "s")]


def start_ahead(run: Run) -> None:
    """Starts the process for the code to come while the plan is on its way: it has loaded nothing of it yet."""
    run.ahead = App(run.site.python, run.site.home, run.site, mask=run.mask)
    run.ahead.begin()


def _process(run: Run) -> App:
    """The process for the staged code: the one that was started ahead, unless there are other packages now."""
    ahead, run.ahead = run.ahead, None
    if ahead is not None and run.python == run.site.python:
        return ahead.at(run.stage_folder)
    if ahead is not None:
        ahead.close()
    return App(run.python, run.stage_folder, run.site, mask=run.mask)


def refuse_itself(run: Run, path: str) -> None:
    """Raises Refused where the project lists itself in `path`: pip would fetch it again, or link to the stage."""
    text = (virtualenv.read(run.stage_folder, path) or b"").decode("utf-8", "replace")
    address = clone.git(run.site.project, "config", "--get", "remote.%s.url" % run.site.remote, check=False).strip()
    project = (files.read(os.path.join(run.stage_folder, "pyproject.toml")) or b"").decode("utf-8", "replace")
    names = re.findall(r"""^name\s*=\s*["']([^"']+)["']""", project, re.M)
    names.append(re.sub(r"\.py$", "", os.path.basename(re.split(r"[:(]", run.site.app)[0].rstrip("/"))))
    names.append(re.sub(r"\.git$", "", os.path.basename(address.rstrip("/"))))
    line = virtualenv.self_reference(text, names)
    if line:
        raise Refused(
            "%s lists the project itself" % path,
            [line, "its code comes by git, and pip would fetch another copy of it, or stop at a password"],
            ["take the line out (inv freeze leaves it out), then release again"],
        )


def load_stage(run: Run, commit: str) -> list[str]:
    """Loads the staged app; sees that it uses the site's database, brings the revisions of the plan, and where it
    brings none, that the database has what its models need. Returns words for the step's line."""
    app = run.stage = _process(run)
    try:
        prove(run, app)
        answer = app.ask("revisions")
    except AppFailed as error:
        raise load_errors.staged_refusal(run.site, commit, run.stage_folder, error) from error
    heads: list[str] = answer["heads"]
    if len(heads) > 1:
        raise Refused(
            "the code has %d heads: %s" % (len(heads), ", ".join(heads)),
            next=["%s merge heads -m merge" % answer["tool"]],
        )
    run.head = heads[0] if heads else None
    known = app.loaded or answer["folder"] is not None  # without the app its folder of revisions may not be found
    brought = pending(run.site, app, run.before["revisions"]) if known and run.target.pending is not None else None
    if not app.loaded:  # stopped in the middle it may hold a transaction open
        run.stage = None
        app.close()
    if brought is None:
        return []
    if brought != run.target.pending:
        raise _other_revisions(run, brought)
    _refuse_unfit(run, bool(brought))
    count = len(brought)
    return ["%d revision%s pending" % (count, "" if count == 1 else "s")] if count else []


def _refuse_unfit(run: Run, brings: bool) -> None:
    """Raises Refused where the new code and the database do not go together; `brings`: it has pending revisions."""
    version_table.refuse_there(run)
    if run.stage is not None and brings:
        refuse_unfit_sql(run, run.stage)
    elif run.stage is not None:
        schema.refuse(run, run.stage)


def prove(run: Run, app: App) -> None:
    """Loads the app of the code that `app` is for, guarded, and sees that it uses the site's database; of one that may
    write while it loads, as far as it goes: only where that leads may it later be loaded unguarded. Raises AppFailed,
    Refused."""
    stopped = None
    try:
        app.load_code()
        found = app.ask("database")
    except AppFailed as error:
        if not (error.refused and error.database):
            raise
        found, stopped = error.database, error
    refuse_other_database(run, found)
    if stopped is not None and not run.site.writes_on_load:
        raise stopped
    run.proved = found


def prove_live(run: Run) -> None:
    """Sees that the live code, loaded as `flask` does, uses the site's database: an app that writes while it loads is
    loaded so behind the gate. Raises Refused."""
    if not run.site.writes_on_load:
        return
    app = App(run.site.python, run.site.project, run.site, mask=run.mask)
    try:
        prove(run, app)
    except AppFailed as error:
        raise load_errors.live_refusal(run.site, error, run.mask.text(str(error))) from error
    finally:
        app.close()


def _other_revisions(run: Run, brought: list[str]) -> Refused:
    """The refusal of a commit whose pending revisions, `brought`, were not agreed to; to a pull none ever are."""
    release = "inv release --to %s" % run.site.name
    if run.task == "pull":
        what = "the commit brings %s" % amounts.count(len(brought), "pending revision")
        return Refused(what, ["code and schema never part"], [release])
    what = "the code brings other revisions than the plan: %s" % (", ".join(brought) or "none")
    return Refused(what, next=["%s, for a new plan" % release])


def refuse_unfit_sql(run: Run, app: App) -> None:
    """Raises Refused where a pending revision does what the site's database has no words for."""
    unfit = app.ask("unfit", revisions=run.pending)["unfit"] if run.pending else []
    if not unfit:
        return
    first, dialect = unfit[0], run.database.dialect
    lines = [first["error"]]
    if first["where"]:
        lines.append("in %s" % load_errors.location(first["where"], run.stage_folder, run.site.project))
    raise Refused("revision %s cannot be run on %s" % (first["revision"], dialect), lines, fixes(first["error"]))


def fixes(error: str) -> list[str]:
    """What to write instead, for what SQLite lets pass and MySQL does not, or the other way round."""
    if "requires a length" in error:
        return ["write a length in the revision and in the model, such as String(255), then release again"]
    if "SQLite" in error:
        return ["write it in the revision as  with op.batch_alter_table(…)  and release again"]
    if "existing type" in error:
        return ["write existing_type=… in that alter_column, then release again"]
    return ["fix the revision, then release again"]


def refuse_other_database(run: Run, answer: Any) -> None:
    """Raises Refused unless `answer`, a database as FLASK_APP and env: lead to it, is that of the WSGI file."""
    run.mask.add(answer["url"].get("password"))
    if access.access(answer) != run.facts.access:  # by the same words it is the same: no connection is needed to tell
        _refuse_unless_same(run, access.from_app(answer, os.path.join(run.facts.private, "stage")))
    see_own_database(run.facts, answer)


def _refuse_unless_same(run: Run, other: Database) -> None:
    try:
        if not identity.same(other, run.database):
            raise Refused(
                "two different databases: the WSGI file leads to %s, FLASK_APP and env: to %s"
                % (identity.describe(run.database), identity.describe(other)),
                next=["set what the WSGI file sets under env: of %s in invoke.yaml" % run.site.name],
            )
    finally:
        other.close()


def see_own_database(facts: Facts, answer: Any) -> None:
    """Raises Refused unless an env.py that connects by itself does so to the site's database, as the site's user.
    `answer`: a database as an app's process tells it."""
    if "own" not in answer:
        return
    assert facts.database is not None
    assert facts.access is not None
    own = answer["own"]
    facts.mask.add(own["url"].get("password"))
    try:
        other = access.from_app(own, os.path.join(facts.private, "own"))
        if not identity.same(other, facts.database):
            raise Refused(
                "two different databases: the WSGI file leads to %s, Alembic's env.py to %s"
                % (identity.describe(facts.database), identity.describe(other)),
                next=["let env.py read the URL from where the app does: docs/alembic.md"],
            )
    except DatabaseError as error:
        what = "the database that Alembic's env.py leads to cannot be reached"
        raise Refused(what, [facts.mask.text(str(error))]) from error
    other.close()
    if own["url"].get("username") != facts.access["url"].get("username"):
        raise Refused(
            "Alembic's env.py connects as another user than the app",
            ["of another user the connections cannot be seen, nor be ended in a return"],
            ["let env.py use the user and password of the app"],
        )


def unknown(site: Site, ids: list[str]) -> Refused:
    """The refusal of a database that is at revisions which the code does not have."""
    return Refused(
        "the database is at %s, which the code does not know" % ", ".join(ids),
        ["it was made by other code: on another branch, or by a newer commit"],
        [
            "release the commit that has it, or go back to a backup:",
            "fab %s.backups  shows them, fab %s.restore --backup ID" % (site.name, site.name),
        ],
    )


def pending(site: Site, app: App, current: list[str]) -> list[str]:
    """The revisions that the database, being at `current`, lacks, in order of application, as the code loaded in `app`
    tells. Raises Refused where it does not know `current`."""
    answer = app.ask("pending", current=current)
    if answer["unknown"]:
        raise unknown(site, answer["unknown"])
    result: list[str] = answer["pending"]
    return result
