"""Git configured at its worst, for a person (~/.gitconfig) and for a repository (.git/config): other output than git's
own, and programs that git starts by itself. `ran` tells which of them were started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("fsmonitor", "pager", "external", "textconv", "alias", "post-index-change", "post-checkout")
BUILT_IN = ["add", "cat-file", "check-attr", "check-ignore", "commit", "config", "diff", "diff-files", "diff-index"]
BUILT_IN += [
    "diff-tree",
    "fetch",
    "grep",
    "hash-object",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "merge-base",
    "push",
]
BUILT_IN += ["read-tree", "remote", "rev-list", "rev-parse", "show", "status", "symbolic-ref", "update-index"]
COLOURED = (
    "ui",
    "advice",
    "branch",
    "diff",
    "grep",
    "interactive",
    "push",
    "remote",
    "showBranch",
    "status",
    "transport",
)

CONFIGURATION = """
[core]
	fsmonitor = {folder}/fsmonitor
	hooksPath = {folder}
	pager = {folder}/pager
	editor = {folder}/pager
	attributesFile = {folder}/attributes
	quotePath = true
	splitIndex = true
	untrackedCache = true
	abbrev = 5
	commentChar = R
[color]
{colours}
[column]
	ui = always
[status]
	branch = true
	short = true
	showStash = true
	showUntrackedFiles = no
	relativePaths = true
	renames = false
	aheadBehind = false
	submoduleSummary = true
[diff]
	external = {folder}/external
	noprefix = true
	mnemonicPrefix = true
	relative = true
	renames = copies
	orderFile = {folder}/nowhere
	ignoreSubmodules = all
	submodule = log
	wordRegex = .
	colorMoved = zebra
	suppressBlankEmpty = true
[diff "hostile"]
	command = {folder}/external
	textconv = {folder}/textconv
	binary = true
[log]
	showSignature = true
	follow = true
	decorate = full
	date = raw
	abbrevCommit = true
[format]
	pretty = fuller
[grep]
	patternType = fixed
	lineNumber = true
	column = true
	fullName = true
[i18n]
	logOutputEncoding = UTF-16
[submodule]
	recurse = true
[push]
	default = nothing
	followTags = true
	recurseSubmodules = on-demand
[fetch]
	prune = true
	pruneTags = true
	recurseSubmodules = true
[remote]
	pushDefault = nowhere
[clone]
	defaultRemoteName = upstream
[commit]
	verbose = true
	status = false
	template = {folder}/nowhere
[safe]
	bareRepository = explicit
[index]
	version = 4
[pager]
{pagers}
[alias]
{aliases}
"""


@dataclass(frozen=True)
class Hostile:
    """What was configured: the programs in `folder` write their names to `told`."""

    folder: Path

    @property
    def told(self) -> Path:
        return self.folder / "told"

    def ran(self) -> list[str]:
        """The programs that were started since it was last asked."""
        found = self.told.read_text().split() if self.told.exists() else []
        self.told.unlink(missing_ok=True)
        return sorted(set(found))

    def text(self) -> str:
        return CONFIGURATION.format(
            folder=self.folder,
            colours="\n".join(f"\t{name} = always" for name in COLOURED),
            pagers="\n".join(f"\t{name} = {self.folder}/pager" for name in BUILT_IN),
            aliases="\n".join(f"\t{name} = !{self.folder}/alias" for name in BUILT_IN),
        )


def made(folder: Path) -> Hostile:
    """The programs and the configuration, in a new `folder`."""
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(f'#!/bin/sh\necho {name} >> "{folder}/told"\necho nonsense\n')
        (folder / name).chmod(0o755)
    (folder / "attributes").write_text("* diff=hostile\n")
    return Hostile(folder)


@contextlib.contextmanager
def configured(hostile: Hostile, *homes: Path, repositories: tuple[Path, ...] = ()) -> Iterator[Hostile]:
    """While the block lasts, the ~/.gitconfig of `homes` and the .git/config of `repositories` are so."""
    files = [*(home / ".gitconfig" for home in homes), *(folder / ".git/config" for folder in repositories)]
    before = {file: file.read_text() if file.exists() else None for file in files}
    try:
        for file, text in before.items():
            file.write_text((text or "") + hostile.text())
        yield hostile
    finally:
        for file, text in before.items():
            if text is None:
                file.unlink()
            else:
                file.write_text(text)
