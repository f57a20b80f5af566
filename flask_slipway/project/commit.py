"""`inv commit` and `inv push`, said in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flask_slipway import wording
from flask_slipway.project import push as project_push
from flask_slipway.project import secret_scan, tracked, working_copy


def commit(root: Path, message: str) -> Iterator[str]:
    """Lists what it commits, then commits it. Raises Refusal for a secret, and for what belongs to no commit."""
    here = working_copy.working_copy(root)
    if message.strip() and not here.clean:
        project_push.refuse_unfit(here)
        tracked.refuse(root, changed_alone=True)
        project_push.refuse_secrets(secret_scan.in_files(root), root)
        project_push.refuse_large(here)
        yield from project_push.listing(here)
    made = project_push.commit(root, message)
    if made is None:
        yield f"Nothing to commit: the tree is clean at {wording.short(here.commit)}."
        return
    yield f"Committed {wording.short(made.commit)}: {wording.count(made.files, 'file')}."
    yield from wording.follow(["inv push, or inv release"])


def push(root: Path) -> Iterator[str]:
    """Pushes the branch to its remote. Raises Refusal, WrongUse."""
    here = working_copy.working_copy(root)
    project_push.refuse_unfit(here)
    remote = project_push.default_remote(root)
    commit = wording.short(working_copy.commit(root))
    if project_push.push(root, remote, here.branch):
        yield f"Pushed {commit} to {remote}/{here.branch}."
    else:
        yield f"Nothing to push: {remote}/{here.branch} is at {commit} already."
    if not here.clean:
        yield f"Note: {wording.count(len(here.paths), 'file')} not committed stay here."
