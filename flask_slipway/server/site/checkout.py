"""The live folder brought from one commit to another, and back from any half-done state: by git, past what is the
site's own, which stays on disk as it is. Nothing of a person's is discarded."""

from __future__ import annotations

import contextlib
import os
from typing import Collection, Iterable, Mapping

from ..lib import files, own_files, process
from . import clone

# Who a commit of kept edits is from: an account need not have told git its name.
IDENTITY = ("-c", "user.name=Flask-Slipway", "-c", "user.email=slipway@localhost")


def kept(folder: str, stage: str, before: str | None, after: str, own: Mapping[str, str]) -> list[str]:
    """The paths that a move from `before` to `after`, which is checked out at `stage`, leaves on disk as they are: the
    site's `own` and compiled files, what `after` does not hold any more and ignores, and what lies there though only
    `after` holds it, where `before` ignores it or it is the very same. A submodule's folder is never touched."""
    old, new = clone.entries(folder, before), clone.entries(folder, after)
    found = {path for path in (*old, *new) if own_files.is_own(path, own) and _is_to_keep(folder, path, own)}
    found.update(path for path, entry in old.items() if clone.is_submodule(entry))
    gone = [path for path in old if path not in new and path not in found]
    found.update(_ignored(stage, gone, old))
    come = [path for path in new if path not in old and path not in found]
    come = [path for path in come if os.path.lexists(os.path.join(folder, path))]
    found.update(_ignored(folder, come, old))
    found.update(path for path in come if path not in found and _is_same(folder, after, path, new[path]))
    return sorted(found)


def in_the_way(folder: str, before: str | None, after: str, kept: Collection[str]) -> list[str]:
    """The paths of `after` where something else lies in the live folder, which `before` does not know; git itself would
    overwrite it where it is ignored."""
    if before is None:
        return []
    stays = set(kept)
    added = [path for path in clone.changed_paths(folder, before, after, only="A") if path not in stays]
    blocked = [path for path in added if _is_in_the_way(folder, path, stays)]
    held = clone.entries(folder, after) if blocked else {}
    return [path for path in blocked if not _is_same(folder, after, path, held[path])]


def move(folder: str, revision: str, kept: Collection[str] = ()) -> None:
    """Brings the live working tree and its branch to `revision`; the paths `kept` stay on disk as they are. Refuses
    (process.Failed) rather than overwrite what a person changed, or put there."""
    here = clone.commit(folder)
    for path in in_the_way(folder, here, revision, kept):
        raise process.Failed("git read-tree", None, "%s is in the way, and git does not know it" % path)
    _refresh(folder)
    old, new = _without(folder, here, kept), _without(folder, revision, kept)
    _forget(folder, kept)
    try:
        clone.git(folder, "read-tree", "-m", "-u", old, new)
    except process.Failed:
        _know(folder, here, kept)
        raise
    _know(folder, revision, kept)
    clone.git(folder, "update-ref", "-m", "moved by Flask-Slipway", "HEAD", revision)
    clone.remove_bytecode(folder)


def see_movable(folder: str, before: str | None, after: str, kept: Collection[str]) -> None:
    """Raises process.Failed where `move` would: git tries it without doing it."""
    with clone.index_copy(folder) as env:
        _refresh(folder, env)
        _forget(folder, kept, env)
        old, new = _without(folder, before, kept), _without(folder, after, kept)
        clone.git(folder, "read-tree", "-n", "-m", "-u", old, new, env=env)


def move_back(folder: str, before: str, after: str, kept: Collection[str] = ()) -> None:
    """Brings the live folder back to `before`, also from the middle of a move to `after` that was killed. The paths
    `kept` stay on disk as they are; of the others that `after` would add only those are removed that came from it."""
    _unlock(folder)
    stays = set(kept)
    added = clone.changed_paths(folder, before, after, only="A") if clone.has(folder, after) else []
    ours = [path for path in added if path not in stays and _is_from(folder, after, path)]
    _forget(folder, kept)
    clone.git(folder, "read-tree", "--reset", "-u", _without(folder, before, kept))
    _know(folder, before, kept)
    clone.git(folder, "update-ref", "-m", "moved back by Flask-Slipway", "HEAD", before)
    for path in ours:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, path))
            _remove_empty(folder, os.path.dirname(path))
    clone.remove_bytecode(folder)


def save_edits(folder: str, before: str, after: str, name: str, kept: Collection[str] = ()) -> str | None:
    """Keeps what a person edited in tracked files since a move from `before` to `after` began, as a commit on top of
    `before`: the ref refs/slipway/`name`, which is returned; None where nobody did. The paths `kept` stay as is."""
    stays = set(kept)
    with clone.seeing_all(folder) as env:
        paths = clone.names(folder, "diff", "--name-only", "--no-renames", "-z", before, "--", env=env)
    edited = [path for path in paths if path not in stays and _is_edited(folder, after, path)]
    if not edited:
        return None
    with clone.index_copy(folder, empty=True) as env:
        clone.git(folder, "read-tree", before, env=env)
        clone.names(folder, "update-index", "--add", "-z", "--stdin", env=env, given=edited)
        tree = clone.git(folder, "write-tree", env=env).strip()
    words = ["commit-tree", tree, "-p", before, "-m", "Edited by hand, kept by Flask-Slipway"]
    saved = clone.git(folder, *IDENTITY, *words).strip()
    clone.git(folder, "update-ref", "refs/slipway/" + name, saved)
    return "refs/slipway/" + name


def _unlock(folder: str) -> None:
    """Removes the locks that a killed move left."""
    for name in ("index", "HEAD", "ORIG_HEAD", "refs/heads/" + clone.branch(folder)):
        files.remove(os.path.join(clone.git_folder(folder), name + ".lock"))


def _refresh(folder: str, env: Mapping[str, str] | None = None) -> None:
    """Lets git see that a file which was only touched is the same: by its times alone it would not be moved."""
    clone.git(folder, "update-index", "-q", "--refresh", check=False, env=env)


def _without(folder: str, revision: str | None, paths: Collection[str]) -> str:
    """The tree of a commit, of none the empty one, without `paths`."""
    if revision is not None and not paths:
        return revision
    with clone.index_copy(folder, empty=True) as env:
        if revision is not None:
            clone.git(folder, "read-tree", revision, env=env)
        _forget(folder, paths, env)
        return clone.git(folder, "write-tree", env=env).strip()


def _forget(folder: str, paths: Collection[str], env: Mapping[str, str] | None = None) -> None:
    """Takes `paths` out of the index; the files stay."""
    if paths:
        clone.names(folder, "update-index", "--force-remove", "-z", "--stdin", env=env, given=paths)


def _know(folder: str, revision: str | None, paths: Collection[str]) -> None:
    """Takes those of `paths` that the commit holds into the index, as the commit has them; the files stay."""
    held = clone.entries(folder, revision) if paths else {}
    lines = ["%s\t%s" % (held[path], path) for path in paths if path in held]
    if lines:
        clone.names(folder, "update-index", "-z", "--index-info", given=lines)
        _refresh(folder)


def _ignored(folder: str, paths: Iterable[str], old: Mapping[str, str]) -> list[str]:
    """Those of `paths` that git ignores in the working tree at `folder`; none that lies behind a link or in a submodule
    of the commit that holds `old`: git does not look there."""
    asked = [path for path in paths if not _leads_away(folder, path, old)]
    if not asked:
        return []
    try:
        return clone.names(folder, "check-ignore", "-z", "--stdin", given=asked)
    except process.Failed as error:
        if error.code == 1:  # none
            return []
        raise


def _leads_away(folder: str, path: str, old: Mapping[str, str]) -> bool:
    above = _above(path)
    return any(os.path.islink(os.path.join(folder, part)) or clone.is_submodule(old.get(part, "")) for part in above)


def _above(path: str) -> list[str]:
    """The folders that `path` lies in, the innermost first."""
    found = []
    while os.path.dirname(path):
        path = os.path.dirname(path)
        found.append(path)
    return found


def _is_to_keep(folder: str, path: str, own: Mapping[str, str]) -> bool:
    """True but for a .env that is not there: then one that a commit holds is welcome."""
    return own.get(path) != own_files.ENV or os.path.lexists(os.path.join(folder, path))


def _is_in_the_way(folder: str, path: str, kept: Collection[str]) -> bool:
    """True where something that git does not know, or that is `kept`, lies at the new `path`, or where a folder above
    it has to be."""
    place = os.path.join(folder, path)
    if os.path.isdir(place) and not os.path.islink(place):
        return any(other.startswith(path + "/") for other in kept) or bool(
            clone.names(folder, "ls-files", "--others", "-z", "--", path)
        )
    if os.path.lexists(place):
        return True
    for part in _above(path):
        above = os.path.join(folder, part)
        if os.path.lexists(above):
            blocked = os.path.islink(above) or not os.path.isdir(above)
            return blocked and not clone.names(folder, "ls-files", "-z", "--", part)
    return False


def _is_same(folder: str, revision: str, path: str, entry: str) -> bool:
    """True where the file at `path` is what the commit has there, its `entry`."""
    place, mode = os.path.join(folder, path), entry.split(" ")[0]
    if os.path.islink(place) != (mode == "120000") or not (os.path.islink(place) or os.path.isfile(place)):
        return False
    if mode != "120000" and os.access(place, os.X_OK) != (mode == "100755"):
        return False
    return clone.content(folder, "%s:%s" % (revision, path)) == _on_disk(place)


def _is_edited(folder: str, after: str, path: str) -> bool:
    """True where a file is there at `path` that no checkout of `after` wrote."""
    return _on_disk(os.path.join(folder, path)) is not None and not _is_from(folder, after, path)


def _is_from(folder: str, revision: str, path: str) -> bool:
    """True where the file at `path` holds what the commit has there, or its beginning: what a checkout wrote."""
    data = _on_disk(os.path.join(folder, path))
    content = None if data is None else clone.content(folder, "%s:%s" % (revision, path))
    return data is not None and content is not None and content.startswith(data)


def _on_disk(place: str) -> bytes | None:
    """What a file holds, of a link where it leads; None where neither is there."""
    if os.path.islink(place):
        return os.fsencode(os.readlink(place))
    return files.read(place) if os.path.isfile(place) else None


def _remove_empty(folder: str, path: str) -> None:
    """Removes `path` and what is above it in `folder`, as far up as it is empty. Raises OSError where it ends."""
    while path:
        os.rmdir(os.path.join(folder, path))
        path = os.path.dirname(path)
