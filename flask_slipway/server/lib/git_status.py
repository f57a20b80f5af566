"""What `git status --porcelain=v2 -z` says, read. Pure. Source: git-status(1), "Porcelain Format Version 2"."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

FIELDS = {"1": 8, "2": 9, "u": 10}  # before the path in the line of a tracked path, by the line's kind
KINDS = {"A": "added", "D": "removed"}  # by one of the two letters of a tracked path: in the index, beside it
OTHERS = {"?": "untracked", "!": "ignored"}


class GitStatus(NamedTuple):
    """The state of a working tree; paths as git names them, from the top of the tree, folders with a slash at the end.

    `commit`: what is checked out, "" before the first; `branch`: "" with a detached head; `upstream`: "" where the
    branch has none, or one that is not there (any more); `ahead`, `behind`: commits, against the upstream as last
    fetched. All these are there with --branch alone. `changed`: every tracked path that is not as in the commit, a
    renamed one by its new name; of them `conflicted`: those that a merge left open, and `submodules`; `added` by
    `git add`, `removed` by `git rm` or from disk; `renamed`: (new name, old name). `untracked` and `ignored`: as far as
    git was asked to show them."""

    commit: str
    branch: str
    upstream: str
    ahead: int
    behind: int
    changed: Tuple[str, ...]
    conflicted: Tuple[str, ...]
    submodules: Tuple[str, ...]
    untracked: Tuple[str, ...]
    ignored: Tuple[str, ...]
    added: Tuple[str, ...] = ()
    removed: Tuple[str, ...] = ()
    renamed: Tuple[Tuple[str, str], ...] = ()


def parse(text: str) -> GitStatus:
    """The state that `text`, git's whole output, tells. Lines of a kind that is not known are passed over, as git asks
    of its readers."""
    headers: Dict[str, str] = {}
    names = ("changed", "conflicted", "submodules", "untracked", "ignored", "added", "removed")
    paths: Dict[str, List[str]] = {name: [] for name in names}
    renamed: List[Tuple[str, str]] = []
    entries = iter(text.split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            headers[name] = value
        elif kind in FIELDS:
            fields = entry.split(" ", FIELDS[kind])
            paths["changed"].append(fields[-1])
            if kind == "u":
                paths["conflicted"].append(fields[-1])
            if fields[2].startswith("S"):
                paths["submodules"].append(fields[-1])
            if kind == "1" and set(fields[1]) & set(KINDS):
                paths[KINDS["D" if "D" in fields[1] else "A"]].append(fields[-1])
        elif kind in OTHERS:
            paths[OTHERS[kind]].append(rest)
        if kind == "2":
            renamed.append((fields[-1], next(entries, "")))
    commit, branch = headers.get("branch.oid", ""), headers.get("branch.head", "")
    ahead, behind = headers.get("branch.ab", "+0 -0").split()
    return GitStatus(
        commit="" if commit == "(initial)" else commit,
        branch="" if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream", "") if "branch.ab" in headers else "",
        ahead=int(ahead),
        behind=-int(behind),
        changed=tuple(paths["changed"]),
        conflicted=tuple(paths["conflicted"]),
        submodules=tuple(paths["submodules"]),
        untracked=tuple(paths["untracked"]),
        ignored=tuple(paths["ignored"]),
        added=tuple(paths["added"]),
        removed=tuple(paths["removed"]),
        renamed=tuple(renamed),
    )
