"""`inv commit` and `inv push`, said in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flask_slipway import project, pushing, words


def commit(root: Path, message: str) -> Iterator[str]:
    """Lists what it commits, then commits it. Raises Refusal for a secret."""
    here = project.working_copy(root)
    if message.strip() and not here.clean:
        pushing.refuse_unfit(here)
        pushing.refuse_secrets(root)
        pushing.refuse_large(here)
        yield from pushing.listing(here)
    made = pushing.commit(root, message)
    if made is None:
        yield f"Nothing to commit: the tree is clean at {words.short(here.commit)}."
        return
    yield f"Committed {words.short(made.commit)}: {words.count(made.files, 'file')}."
    yield "Next: inv push, or inv release"


def push(root: Path) -> Iterator[str]:
    """Pushes the branch to its remote. Raises Refusal, WrongUse."""
    here = project.working_copy(root)
    pushing.refuse_unfit(here)
    pushing.refuse_secrets(root)
    remote = pushing.default_remote(root)
    commit = words.short(project.commit(root))
    if pushing.push(root, remote, here.branch):
        yield f"Pushed {commit} to {remote}/{here.branch}."
    else:
        yield f"Nothing to push: {remote}/{here.branch} is at {commit} already."
    if not here.clean:
        count = len(here.changed) + len(here.untracked)
        yield f"Note: {words.count(count, 'file')} not committed stay here."
