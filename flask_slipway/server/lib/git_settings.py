"""What git is told on its command line, so that it answers the same whatever a person, a machine or a repository has
configured, and runs no program that they name: for both halves, in one place. Source: git-config(1), git(1)."""

from __future__ import annotations

import os

# Where git colours what it says, each of which counts before color.ui.
COLOURS = ["ui", "advice", "branch", "diff", "grep", "interactive", "pager", "push", "remote", "showBranch", "status"]
SETTINGS = {
    **{"color." + name: "false" for name in [*COLOURS, "transport"]},
    "clone.defaultRemoteName": "origin",
    "core.fsmonitor": "false",  # else the program of that name is run, at each look
    "core.quotePath": "false",
    "core.splitIndex": "false",  # a copy of an index has to be a whole one
    "core.useReplaceRefs": "false",  # what is looked at is what would be pushed
    "diff.ignoreSubmodules": "dirty",  # else git is run in them, by their own configuration
    "diff.orderFile": os.devnull,
    "fetch.recurseSubmodules": "false",
    "grep.fullName": "false",
    "grep.patternType": "basic",
    "i18n.logOutputEncoding": "UTF-8",
    "log.follow": "false",
    "log.showSignature": "false",
    "push.followTags": "false",  # what is pushed is the branch that was looked at
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
}


def options(hooks: bool = False) -> list[str]:
    """The words between `git` and its command. `hooks`: those of the repository are run, as for a person."""
    settings = SETTINGS if hooks else {**SETTINGS, "core.hooksPath": os.devnull}
    return ["--no-pager", *(word for name in settings for word in ("-c", "%s=%s" % (name, settings[name])))]
