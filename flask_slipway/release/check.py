"""All that a release would refuse on, on this side: each a Finding, told calmly and together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from flask_slipway import wording
from flask_slipway.config import settings
from flask_slipway.config.settings import Settings, Site
from flask_slipway.errors import Refusal, SlipwayError, Unreachable
from flask_slipway.packages.check import look as look_at_packages
from flask_slipway.packages.finding import Finding
from flask_slipway.project import dotenv, push, remote_head, secret_scan, tracked, working_copy
from flask_slipway.project.app import App, AppFailed, heads_in_words, loaded, merging
from flask_slipway.project.working_copy import WorkingCopy
from flask_slipway.release.plan import Candidate
from flask_slipway.revisions import edited
from flask_slipway.ui import prompt
from flask_slipway.ui.screen import Screen, say, tell

NEEDED = ("add table", "add column")  # differences without which the code fails; the others are drift


def look(settings: Settings, site: Site | None) -> list[Finding]:
    """Everything, with the tree clean."""
    here = working_copy.working_copy(settings.root)
    findings = [*tree(here, site, message=False)]
    if not any(finding.stops and finding.subject == "remote" for finding in findings):
        findings += pushable(here, site)
    findings += files(settings.root)
    findings += hidden(settings.root, site)
    findings += look_at_packages(settings.root, site.app if site else settings.app, site)
    findings += env_file(settings.root)
    try:
        with loaded(settings.root, settings.app) as app:
            findings += database(app)
            findings += development(app)
            findings += since_pushed(app, here)
    except (AppFailed, Refusal) as error:
        findings.append(of_error("app", error))
    return findings


def of_error(subject: str, error: SlipwayError) -> Finding:
    """What an error says, as a finding that stops a release."""
    return Finding(subject, error.what, True, tuple(error.lines), tuple(error.next))


def pushable(here: WorkingCopy, site: Site | None) -> Iterator[Finding]:
    """Whether the remote answers, and takes what is here."""
    remote = _remote_of(here.root, site)
    try:
        if remote:
            remote_head.refuse_unpushable(here.root, remote, site.branch if site else here.branch, prompt.can_ask())
    except (Refusal, Unreachable) as error:
        yield of_error("remote", error)


def since_pushed(app: App, here: WorkingCopy) -> Iterator[Finding]:
    """Revisions that were pushed and edited since: no stop here, but at a site that has applied them."""
    pushed = working_copy.pushed(here.root, *here.upstream.partition("/")[::2]) if here.upstream else ""
    for row in edited.since(here.root, pushed, app.revisions()) if pushed else ():
        text = f"note: {row['id']} was edited since it was pushed; a site that has applied it refuses the release"
        yield Finding("revisions", text)


def tree(here: WorkingCopy, site: Site | None, message: bool) -> Iterator[Finding]:
    """Git: a commit, a branch, a clean tree unless a commit `message` is given, nothing newer on the remote."""
    if not here.commit and not message:
        yield Finding("commit", "there is none yet", True, (), ('inv commit -m "First version"',))
    under_way = working_copy.under_way(here.root)
    if under_way:
        text = f"a {under_way} is under way"
        yield Finding("branch", text, True, tuple(wording.listed(here.changed)), push.end_it(under_way))
        return
    if not here.branch:
        at = wording.short(here.commit)
        yield Finding("branch", f"none is checked out (a detached head at {at})", True, (), ("git switch main",))
    elif site is not None and here.branch != site.branch:
        text = f"{here.branch} is checked out, {site.name} takes {site.branch}"
        next_lines = (f"git switch {site.branch}", f"or set  branch: {here.branch}  for {site.name} in invoke.yaml")
        yield Finding("branch", text, True, (), next_lines)
    if not here.clean and not message:
        count = len(here.paths)
        lines = tuple(wording.listed(here.paths))
        to = f" --to {site.name}" if site is not None else ""
        next_lines = (f'inv release{to} -m "What this change does"', 'or  inv commit -m "…"')
        yield Finding("tree", f"{wording.count(count, 'file')} not committed", True, lines, next_lines)
    else:
        count = len(here.paths)
        try:
            push.refuse_large(here)
            yield Finding("tree", wording.count(count, "file") if count else "clean")
        except Refusal as error:
            yield of_error("tree", error)
    yield from _remote(here, site)


def _remote(here: WorkingCopy, site: Site | None) -> Iterator[Finding]:
    name = site.name if site is not None else ""
    upstream = "" if push.follows_sandbox(here) and name != push.SANDBOX else here.upstream
    if upstream and here.behind:
        verb = "is" if here.behind == 1 else "are"
        text = f"{upstream} has {wording.count(here.behind, 'commit')} that {verb} not here"
        yield Finding("remote", text, True, (), ("git pull --rebase --autostash",))
    elif not upstream and here.branch:
        try:
            push.remote_for(here.root, name)
            yield Finding("remote", "the branch was never pushed; a release pushes it")
        except Refusal:
            yield Finding(
                "remote", "there is none", True, (), ("git remote add origin git@github.com:YOU/PROJECT.git",)
            )
    elif upstream:
        ahead = f", {wording.count(here.ahead, 'commit')} to push" if here.ahead else ""
        yield Finding("remote", f"{upstream}{ahead}")


def files(root: Path) -> Iterator[Finding]:
    """Databases, submodules, conflicts and the like: what a commit would hold, and no site may get from git."""
    for refusal in () if working_copy.under_way(root) else tracked.refusals(root):
        yield of_error("files", refusal)
    overlooked = tracked.overlooked(root)
    if overlooked:
        text = f"note: {wording.count(len(overlooked), 'file')} changed here, and git is told to overlook that"
        yield Finding("files", text, False, tuple(wording.listed(overlooked)))


def development(app: App) -> Iterator[Finding]:
    """The development database, where git holds it, and neither its first bytes nor its attributes tell."""
    refusal = tracked.development(app.root, app.database_file(), besides=True)
    if refusal is not None:
        yield of_error("files", refusal)


def hidden(root: Path, site: Site | None) -> Iterator[Finding]:
    """Secrets: in the commits that a push would take along, in what is not committed, and a tracked .env."""
    remote = _remote_of(root, site)
    found = secret_scan.in_commits(root, remote)
    new = {one.path for one in found}
    env = [path for path in working_copy.tracked(root, ".") if secret_scan.of_name(path) and path not in new]
    if env:
        stays = ("untracked, it stays here and on the site", "change the secrets that it held")
        away = (*push.untracked(env), f"name {' and '.join(env[:3])} in .gitignore, and commit that")
        yield Finding("secrets", f"{', '.join(env)} is tracked by git", True, stays, away)
    found += [one for one in secret_scan.in_files(root) if one.path not in env]
    if found:
        lines, next_lines = wording.listed(map(str, found)), push.without(root, found, remote)
        yield Finding("secrets", "the change holds what looks like a secret", True, tuple(lines), tuple(next_lines))
    if not env and not found:
        yield Finding("secrets", "none in the change")


def _remote_of(root: Path, site: Site | None) -> str:
    """Where a release to the site is pushed; "" where that is nowhere, which is a finding of its own."""
    with contextlib.suppress(Refusal):
        return push.remote_for(root, site.name if site else "")
    return ""


def env_file(root: Path) -> Iterator[Finding]:
    """The development .env: lines that dotenv cannot read, or a shell reads otherwise. It stops nothing."""
    found = [fault for fault in dotenv.faults(root) or () if fault.kind != "empty"]
    if found:
        lines = tuple(wording.listed(map(str, found)))
        yield Finding(".env", f"note: {wording.count(len(found), 'thing')} to look at in .env", False, lines)


def database(app: App) -> Iterator[Finding]:
    """One head, the development database at it, and models that agree with it."""
    answer = app.ask("revisions")
    heads = answer["heads"]
    if len(heads) > 1:
        yield Finding("revisions", heads_in_words(answer), True, (), tuple(merging(answer)))
        return
    current = app.current()
    if not heads:
        text = "there is none: no migration was ever made"
        yield Finding("revisions", text, True, (), ('inv migrate --initial -m "first tables"',))
        return
    apart = app.two_databases() if answer["tool"] == "alembic" else None
    if apart is not None:
        text = f"the app works on {apart[0]}, Alembic's env.py on {apart[1]}"
        yield Finding("database", text, True, (), ("let env.py read the URL from where the app does: docs/alembic.md",))
        return
    yield Finding("revisions", f"one head, {heads[0]}")
    known = {row["id"] for row in answer["revisions"]}
    at = ", ".join(current) or "no revision"
    if set(current) - known:
        text = f"the development database is at {at}, which the code does not know"
        yield Finding("database", text, True, (), ("git switch to the branch that has it, then  inv downgrade",))
    elif current != heads:
        yield Finding("database", f"the development database is at {at}, not at {heads[0]}", True, (), ("inv upgrade",))
    else:
        yield models(app.differences())


def models(differences: Sequence[str] | None) -> Finding:
    """Whether the models agree with the development database, which is at the head."""
    if differences is None:
        return Finding("models", "note: not compared, for env.py names no target_metadata")
    needed = [text for text in differences if text.startswith(NEEDED)]
    if needed:
        next_lines = ('inv migrate -m "what changed"',)
        lines = tuple(wording.listed(needed))
        return Finding("models", "the models have what no migration makes", True, lines, next_lines)
    if differences:
        text = f"note: drift, {wording.count(len(differences), 'difference')} that the code does not need"
        return Finding("models", text, False, tuple(wording.listed(differences)))
    return Finding("models", "match the migrations")


def candidate(app: App, root: Path, dirty: bool = False) -> Candidate:
    """What is checked out as what is to be released; `dirty`: as it will be once it is committed."""
    here = working_copy.working_copy(root)
    answer = app.ask("revisions")
    return Candidate(
        commit=here.commit,
        subject=working_copy.subject(root),
        heads=tuple(answer["heads"]),
        revisions=tuple(answer["revisions"]),
        label="new" if dirty else "",
        tool=answer["tool"],
    )


def refuse(findings: Sequence[Finding]) -> None:
    """Raises Refusal with the first finding that stops a release, the names of the others, and what to type for all."""
    stops = [finding for finding in findings if finding.stops]
    if stops:
        first = stops[0]
        more = [f"{other.subject}: {other.text}" for other in stops[1:]]
        what = f"{first.subject[0].upper()}{first.subject[1:]}: {first.text}"
        every = dict.fromkeys(line for stop in stops for line in stop.next)
        raise Refusal(what, [*first.lines, *more], every)


def check(root: Path, to: str = "") -> None:
    """Prints what was looked at. Raises Refusal where something would stop a release."""
    known = settings.load(root)
    first = known.edited[0] if known.edited else None
    site = settings.site(root, to) if to else first
    screen = Screen()
    findings = look(known, site)
    for finding in findings:
        screen.step(finding.subject, f"stops a release: {finding.text}" if finding.stops else finding.text)
        tell([f"{'':18}{line}" for line in finding.lines])
        if finding.stops and finding.next:
            say([f"{'':18}{line}" for line in wording.follow(finding.next)])
    for other in known.sites.values():
        if other.unedited:
            screen.step(other.name, "still the example in invoke.yaml")
    stops = sum(finding.stops for finding in findings)
    if stops:
        verb = "stops" if stops == 1 else "stop"
        raise Refusal(f"{wording.count(stops, 'thing')} {verb} a release")
    say(["A release would go."])
