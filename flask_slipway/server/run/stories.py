"""The stories: which steps a task is made of, in order. Each is a generator of (name, step), so that a later step may
depend on what an earlier one found."""

from __future__ import annotations

from typing import Callable, Iterator, Tuple

from ..lib.outcome import Nothing, Refused
from ..site import clone
from . import stage, steps, ways_back
from .run import Run

Story = Iterator[Tuple[str, Callable[[Run], str]]]


def release(run: Run) -> Story:
    """Brings the site to a commit: code, packages and database together."""
    yield "fetch", steps.fetch
    yield "stage", _stage
    closing = bool(run.pending) or run.site.writes_on_load
    if closing:
        yield "close", steps.close
        yield "back up", steps.back_up
    if run.pending:
        yield "upgrade", steps.upgrade
        if run.site.seed:
            yield "seed", steps.seed
    elif closing:
        yield "load", steps.load
    yield "swap", steps.swap
    yield "reload", steps.reload
    if closing and not run.was_closed:
        yield "open", steps.open_site


def pull(run: Run) -> Story:
    """The code alone, where it brings neither revisions nor packages."""
    commit = run.target.commit
    if commit is not None and commit == run.before["commit"]:
        raise Nothing("%s is at %s already" % (run.site.name, commit[:7]))
    if run.site.writes_on_load:
        raise Refused(
            "the app writes to its database while it loads, so whether the commit brings revisions cannot be seen",
            ["code and schema never part"],
            ["inv release --to %s" % run.site.name],
        )
    yield "fetch", steps.fetch
    yield "stage", _stage
    if run.python != run.site.python:
        raise Refused(
            "the commit changes requirements.txt",
            ["code and packages never part"],
            ["inv release --to %s" % run.site.name],
        )
    yield "swap", steps.swap


def install(run: Run) -> Story:
    """The packages of the live code's requirements."""
    run.commit = run.before["commit"]
    yield "stage", _stage_packages
    yield "swap", steps.swap
    yield "reload", steps.reload


def upgrade(run: Run) -> Story:
    """The revisions that the live code has and the database lacks."""
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "upgrade", steps.upgrade
    if run.site.seed:
        yield "seed", steps.seed
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def downgrade(run: Run) -> Story:
    """The database down to a revision, and the code to the newest commit whose head it is."""
    run.commit = run.target.commit
    if run.commit:
        yield "stage", _stage_older
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "downgrade", steps.downgrade
    if not run.commit:
        return
    yield "swap", steps.swap
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def rollback(run: Run) -> Story:
    """Back to the release before: with the way down where there is one."""
    if run.target.undone:
        yield from downgrade(run)
        return
    run.commit = run.target.commit
    yield "stage", _stage_older
    yield "swap", steps.swap
    yield "reload", steps.reload


def seed(run: Run) -> Story:
    """The configured commands."""
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "seed", steps.seed
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def reload(run: Run) -> Story:
    """The host reloads, and the new processes are proved."""
    yield "reload", steps.reload


def back_up(run: Run) -> Story:
    """A backup, of a site that goes on."""
    yield "back up", steps.back_up


def restore(run: Run) -> Story:
    """A backup put back, with the commit it was made at."""
    commit = run.target.commit
    if commit is not None and commit != run.before["commit"]:
        run.commit = commit
        if not clone.has(run.site.project, commit):
            raise Refused("the backup's commit %s is not on the server" % commit[:7])
        yield "stage", _stage_for_restore
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "restore", steps.put_back
    if run.commit:
        yield "swap", steps.swap
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def close(run: Run) -> Story:
    """The gate alone: the site stays closed until `open`."""
    if run.was_closed:
        raise Nothing("%s is closed already" % run.site.name)

    yield "close", _gate_up


def open_site(run: Run) -> Story:
    """Opens a closed site, when code and database match."""
    if not run.was_closed:
        if not run.database.fence_is_up():
            raise Nothing("%s is open already" % run.site.name)
        yield "open", steps.lift
        return
    _refuse_apart(run)
    yield "reload", steps.reload
    yield "open", steps.open_site


def _refuse_apart(run: Run) -> None:
    """Raises Refused unless code and database are at the same revision; so that it is seen for every app."""
    code, name, current = run.facts.revisions(), run.site.name, sorted(run.database.revisions())
    if code is None and not current:
        return
    if code is None:
        raise Refused(
            "whether code and database match cannot be seen: the app writes to its database while it loads",
            [
                "and which revisions it has is not known without it: no folder of them, or several, in %s"
                % run.site.project
            ],
            ["name Alembic's configuration as ALEMBIC_CONFIG under env: of %s in invoke.yaml" % name],
        )
    heads = sorted(code["heads"])
    if heads != current:
        other = ways_back.fitting(run)
        mend = "fab %s.upgrade" % name if run.facts.live is not None else "inv release --to %s" % name
        raise Refused(
            "code and database do not match: the code's head is %s, the database is at %s"
            % (", ".join(heads) or "none", ", ".join(current) or "none"),
            next=["%s, then  fab %s.open" % (mend, name)]
            + (["or, for rows that went down: fab %s.restore --backup %s" % (name, other["id"])] if other else []),
        )


def _stage(run: Run) -> str:
    """The commit that the run brings, beside the live code."""
    assert run.commit is not None
    return stage.stage(run, run.commit)


def _stage_packages(run: Run) -> str:
    """The live commit once more, with the packages that it lists."""
    assert run.commit is not None
    stage.stage_code(run, run.commit)
    words = stage.stage_packages(run, always=True)
    stage.load_stage(run, run.commit)
    return ", ".join(words)


def _stage_older(run: Run) -> str:
    """An older commit, which must end at the revision that the way down leads to."""
    text, wanted = _stage(run), run.target.revision
    if run.stage is not None and run.head != wanted:
        found = ((run.commit or "")[:7], run.head or "none", wanted or "no revision")
        down = ["fab %s.downgrade --to %s" % (run.site.name, run.head or "base")] if run.task == "downgrade" else []
        raise Refused(
            "the head of commit %s is %s, the way back ends at %s" % found,
            ["code and schema never part"],
            down or ["inv release --to %s  with a commit that fixes it" % run.site.name],
        )
    return text


def _stage_for_restore(run: Run) -> str:
    """The code of a backup, which must end at the backup's own revisions."""
    text, backup = _stage(run), run.target.backup
    if run.stage is not None and backup is not None:
        ways_back.refuse_unfit(run, backup, [run.head] if run.head else [])
    return text


def _gate_up(run: Run) -> str:
    """The gate, without the fence that comes with it."""
    steps.close(run)
    run.database.fence_down()
    return "gate up, requests finished"


BY_TASK: dict[str, Callable[[Run], Story]] = {
    "release": release,
    "pull": pull,
    "install": install,
    "upgrade": upgrade,
    "downgrade": downgrade,
    "rollback": rollback,
    "seed": seed,
    "reload": reload,
    "backup": back_up,
    "restore": restore,
    "close": close,
    "open": open_site,
}
