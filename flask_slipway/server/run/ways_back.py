"""Which ways back there are: the release before, and the backups that fit their code. What is named here works. Reads
only."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..backup import store
from ..lib.outcome import Refused
from ..protocol import Manifest, Outcome, Where
from ..site import clone
from ..site.app_process import AppFailed
from .facts import Facts
from .run import Run


def live_heads(facts: Facts) -> list[str] | None:
    """The heads of the live code's revisions, None where they are not known."""
    try:
        answer = facts.revisions()
    except AppFailed:
        return None
    return list(answer["heads"]) if answer is not None and answer.get("folder") is not None else None


def matched(before: Mapping[str, Any]) -> bool:
    """Whether code and database matched before a change, as far as that is known: else it is no state to go back to."""
    heads = before.get("heads")
    return heads is None or sorted(heads) == sorted(before["revisions"])


def after(run: Run, outcome: Outcome, where: Where) -> str | None:
    """What goes back to the state before the run, as it is typed after  fab ENV. ; None where nothing does."""
    if outcome == "released":
        return "rollback" if _leads_back(run, where) else None
    backup = run.backup
    if outcome not in ("done", "left") or backup is None or backup.get("restore_blockers") or not matched(run.before):
        return None
    return "restore --backup %s" % backup["id"]


def _leads_back(run: Run, where: Where) -> bool:
    """Whether a rollback would be accepted after this release."""
    before = run.before
    if not before.get("commit") or before["commit"] == where["commit"] or not matched(before):
        return False
    now = where["revision"].split(", ") if where["revision"] else []
    if now == before["revisions"]:
        return True
    rows = (run.go or {}).get("revisions") or []
    merges = [row["id"] for row in rows if row["id"] in run.pending and len(row.get("down") or []) > 1]
    return run.stage is not None and len(now) == 1 and len(before["revisions"]) < 2 and not merges


def fitting(run: Run, wanted: Callable[[Manifest], bool] = lambda _: True) -> Manifest | None:
    """The newest `wanted` backup that can be put back: of this site and this database, whole, and surely at the
    revision of the code that it would get. None where there is none."""
    live, heads, site = clone.commit(run.site.project), live_heads(run.facts), run.site
    for manifest in store.usable(site.backups):
        stays = manifest["commit"] in (None, live)
        code = heads if stays else manifest.get("heads")
        if (
            manifest["task"] != store.RETURN
            and manifest.get("domain") == site.domain
            and manifest.get("identity") == run.facts.identity
            and not manifest.get("restore_blockers")
            and code is not None
            and sorted(code) == sorted(manifest["revisions"])
            and (stays or clone.has(site.project, manifest["commit"] or ""))
            and wanted(manifest)
            and _is_whole(run, manifest)
        ):
            return manifest
    return None


def _is_whole(run: Run, manifest: Manifest) -> bool:
    try:
        store.verify(run.site.backups, manifest)
    except (store.NotVerified, OSError):
        return False
    return True


def to_older(run: Run) -> list[str]:
    """The command that goes back to a backup of another revision, where there is one that fits its code."""
    now = sorted(run.database.revisions())
    found = fitting(run, lambda manifest: sorted(manifest["revisions"]) != now)
    return ["fab %s.restore --backup %s  code and rows of before" % (run.site.name, found["id"])] if found else []


def refuse_unfit(run: Run, backup: Manifest, heads: list[str]) -> None:
    """Raises Refused where the backup is of another schema than the code that would serve it, which has `heads`; the
    newest that fits is named, not taken: nobody meant an older one."""
    if sorted(backup["revisions"]) == sorted(heads):
        return
    name, other = run.site.name, fitting(run)
    at = ", ".join(sorted(backup["revisions"]))
    raise Refused(
        "backup %s is at %s, the head of its code is %s"
        % (backup["id"], at or "no revision", ", ".join(sorted(heads)) or "none"),
        ["code and schema never part"] + ([] if other else ["no backup is known that fits its code"]),
        [
            "fab %s.restore --backup %s  the newest that fits" % (name, other["id"])
            if other
            else "fab %s.backups" % name
        ],
    )
