"""What the remote holds now: asked before anything is committed, so that a push that would fail is told in time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal, Unreachable
from flask_slipway.project import working_copy
from flask_slipway.project.git import explain, login, quietly, run, succeeds

PATIENCE = 30.0  # seconds for the remote's answer
# What only a person can answer: with a terminal, the push itself asks.
ASKS = ("could not read", "terminal prompts disabled", "permission denied", "host key verification", "authentication")


def refuse_unpushable(root: Path, remote: str, branch: str, terminal: bool) -> None:
    """Asks the remote where its branch is; nothing is fetched. Raises Refusal where it has commits that are not here,
    Unreachable where it does not answer. `terminal`: git can ask the person later on."""
    line = ("ls-remote", "--quiet", remote, f"refs/heads/{branch}")
    try:
        done = run(root, *line, seconds=PATIENCE, env=_silent_ssh(root) | login(root, remote))
    except subprocess.TimeoutExpired:
        what = f"The remote {remote} did not answer within {PATIENCE:.0f} s"
        raise Unreachable(what, next=["check the network, git remote -v"], changed=False) from None
    complaint = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        if terminal and any(sign in complaint.lower() for sign in ASKS):
            return
        raise explain(root, line, complaint)
    there = done.stdout.decode("ascii", "replace").partition("\t")[0]
    if there and not succeeds(root, "merge-base", "--is-ancestor", there, "HEAD"):
        what = f"{remote}/{branch} is at {wording.short(there)}, which is not part of what is here"
        pull = f"git pull --rebase --autostash {remote} {branch}"
        if remote == working_copy.SANDBOX:  # what was taken back here must not come back from there
            anew = "inv sandbox.down --remove  (its rows go), then  inv sandbox.up"
            raise Refusal(what, next=[anew, f"or, to have its commits:  {pull}"])
        raise Refusal(what, next=[f"{pull}, then the same again"])


def _silent_ssh(root: Path) -> dict[str, str]:
    """The environment in which ssh asks nothing, unless the person has configured another ssh for git."""
    own = {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys() or quietly(root, "config", "core.sshCommand")
    return {} if own else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=15"}
