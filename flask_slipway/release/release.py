"""The laptop's side of a release: check, test, commit, push, then one conversation with the server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.config import settings
from flask_slipway.config.settings import Settings, Site
from flask_slipway.errors import Interrupted, Refusal, SlipwayError
from flask_slipway.packages.check import look as look_at_packages
from flask_slipway.project import push, remote_head, working_copy
from flask_slipway.project.app import App, AppFailed, loaded
from flask_slipway.project.look import Look, look, refuse_other_commit, since
from flask_slipway.release import check, plan, run_tests
from flask_slipway.revisions import edited
from flask_slipway.ssh import conversation
from flask_slipway.ui import output, prompt
from flask_slipway.ui.screen import Screen, finish, headline, note, say


@dataclass(frozen=True)
class ReleaseOptions:
    """What the person asked for. `to`: an environment, "" for the first that is no example."""

    message: str = ""
    to: str = ""
    dry: bool = False
    yes: bool = False
    skip_tests: bool = False


def release(root: Path, options: ReleaseOptions) -> None:
    """Brings a site to what is checked out here. Raises what the errors say; nothing is changed before the yes."""
    known = settings.load(root)
    site = chosen(known, options.to)
    if not (options.yes or options.dry or prompt.can_ask()):
        next_lines = ["the same command with --yes, or with --dry to see the plan alone"]
        raise Refusal("There is no terminal to ask in", next=next_lines)
    with ExitStack() as stack:
        app, talk, seen = prepare(known, site, options, stack)
        dirty = not working_copy.working_copy(root).clean
        made = None if seen is None else commit_and_push(seen, site, options.message)
        if options.dry:
            preview(root, site, options.message)
        candidate = check.candidate(app, root, dirty=dirty and options.dry)
        try:
            converse(site, candidate, app, options, talk)
        except SlipwayError as stop:
            _say_commit(stop, made, site)
            raise


def chosen(known: Settings, name: str) -> Site:
    """The environment to release to. Raises WrongUse where it is the example still."""
    if not name:
        name = known.edited[0].name if known.edited else next(iter(known.sites))
        if name == "sandbox" and len(known.sites) > 1:
            name = next(iter(known.sites))  # never the sandbox by default: nobody has asked for it
    return settings.site(known.root, name)


def prepare(
    known: Settings, site: Site, options: ReleaseOptions, stack: ExitStack
) -> tuple[App, conversation.Talk, Look | None]:
    """All that is looked at before anything is committed; returns the loaded app, the conversation with the site, which
    reads its facts while the app loads here, and what is to be committed, None with --dry. Raises Refusal."""
    began = time.monotonic()
    here = working_copy.working_copy(known.root)
    findings = [
        *check.tree(here, site, message=bool(options.message) or options.dry),
        *check.files(known.root),
        *check.hidden(known.root, site),
    ]
    if any(finding.stops for finding in findings):
        check.refuse([*findings, *look_at_packages(known.root, site.app, site)])
    seen = None if options.dry else stack.enter_context(look(known.root))
    talk = stack.enter_context(conversation.Talk(site, "release", {}))
    findings += look_at_packages(known.root, site.app, site)
    check.refuse(findings)
    with ThreadPoolExecutor(1) as pool:  # the remote answers while the app loads
        remote = push.remote_for(known.root, site.name)
        asked = pool.submit(remote_head.refuse_unpushable, known.root, remote, site.branch, prompt.can_ask())
        app = stack.enter_context(loaded(known.root, known.app))
        findings += [*check.database(app), *check.development(app), *check.since_pushed(app, here)]
        asked.result()
    check.refuse(findings)
    tests = _tests(known, options)
    by_subject = {finding.subject: finding.text for finding in reversed(findings)}
    tree = f"{by_subject['tree']}, on {here.branch}"
    models = by_subject["models"]
    compared = "drift noted" if models.startswith("note: drift") else "models not compared"
    models = "models match" if models.startswith("match") else compared
    headline("Checking", f"{tree}, one head, {models}", tests, time.monotonic() - began)
    for finding in findings:
        if finding.text.startswith("note: "):
            note(finding.text, finding.lines)
    return app, talk, seen


def _tests(known: Settings, options: ReleaseOptions) -> str:
    if options.dry:
        return "not tested"
    if options.skip_tests:
        return "tests SKIPPED"
    return run_tests.for_release(known.root, known.test).summary


def commit_and_push(seen: Look, site: Site, message: str) -> str | None:
    """Commits what was looked at, and pushes; returns what was done in words, None where nothing was to do. What came
    since is named, and stays here."""
    root, began = seen.root, time.monotonic()
    remote = push.remote_for(root, site.name)
    came = since(seen)[0]
    refuse_other_commit(seen)
    made = push.commit_look(seen, message) if message else None
    try:
        pushed = push.push(root, remote, site.branch)
    except KeyboardInterrupt:
        stop = Interrupted("Interrupted", next=["inv push, or the release again without -m"], changed=False)
        _say_commit(stop, _not_pushed(made), site)
        raise stop from None
    except SlipwayError as stop:
        _say_commit(stop, _not_pushed(made), site)
        raise
    here = working_copy.working_copy(root)
    place = f"{remote}/{site.branch}"
    if made is not None:
        text = f"{wording.short(made.commit)}  {wording.count(made.files, 'file')}; pushed to {place}"
        headline("Committed", text, "", time.monotonic() - began)
    elif pushed:
        headline("Pushed", f"{wording.short(here.commit)} to {place}", "", time.monotonic() - began)
    if came:
        text = f"note: {wording.count(len(came), 'file')} came since, and stayed out of the commit"
        note(f"{text}: name in .gitignore what the tests write", wording.listed(came))
    output.line()
    return f"commit {wording.short(here.commit)} is pushed to {place}" if made or pushed else None


def _not_pushed(made: push.Committed | None) -> str | None:
    return f"commit {wording.short(made.commit)} was made here, and is not pushed" if made else None


def preview(root: Path, site: Site, message: str) -> None:
    """What a release would commit and push, in words; changes nothing."""
    here = working_copy.working_copy(root)
    place = f"{push.remote_for(root, site.name)}/{site.branch}"
    if not here.clean:
        count = wording.count(len(here.changed) + len(here.untracked), "file")
        needs = "" if message else '; a release needs -m "…" for that'
        say([f"Would commit    {count}, and push to {place}{needs}"])
        say(push.listing(here))
    elif working_copy.pushed(root, *place.split("/", 1)) != here.commit:
        say([f"Would push      {wording.short(here.commit)} to {place}"])
    output.line()


def converse(site: Site, candidate: plan.Candidate, app: App, options: ReleaseOptions, talk: conversation.Talk) -> None:
    """The conversation: facts → plan → the person's yes → the steps → the ending."""
    screen = Screen()

    def describe(ids: Any) -> Any:
        try:
            return app.operations(ids, "up")
        except AppFailed:
            return ()

    def decide(facts: dict[str, Any]) -> dict[str, Any]:
        known = working_copy.relation(app.root, facts["commit"], candidate.commit)
        relation = replace(known, remote=push.remote_for(app.root, site.name))
        at = None if candidate.label else candidate.commit
        packages = working_copy.asks_for_other_packages(app.root, facts["requirements"], at)
        gone = working_copy.ignored(app.root, facts["changes"])  # the site keeps them: they are no edits any more
        facts = {**facts, "changes": [path for path in facts["changes"] if path not in gone]}
        tracked = working_copy.tracked(app.root)
        made = plan.release(site, candidate, facts, relation, app.pending, describe, packages, tracked)
        applied = [row for row in candidate.revisions if row["id"] not in made.pending]
        if facts["commit"] and applied:
            changed = edited.since(app.root, facts["commit"], applied)
            edited.refuse(changed, site.name, facts["commit"], app.root)
        app.leave()
        screen.close()
        say(made.lines())
        if options.dry:
            raise plan.Nothing(f"Dry: nothing was changed, here or on {site.name}.")
        if not prompt.confirm(made.question, options.yes):
            raise Refusal("Not released", at=site.name)
        output.line()
        return {**candidate.args(conversation.who()), **made.go()}

    try:
        end = talk.finish(decide, screen.show)
    except plan.Nothing as nothing:
        say([str(nothing)])
        return
    finally:
        screen.close()
    again = [f'fix the cause, then  inv release -m "…" --to {site.name}']
    if "healthy" in (end.get("what") or ""):
        again = [f"fab {site.name}.logs  shows why", *again]
    finish(end, site, failed="Not released", again=again)


def _say_commit(stop: SlipwayError, made: str | None, site: Site) -> None:
    """Puts the truth about this side into the stop: that a commit was made, or pushed, before it."""
    if made is not None:
        stop.at, stop.but = site.name, made
