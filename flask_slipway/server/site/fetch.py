"""Gets a commit into the live clone; what a remote refuses is told with what to do about it."""

from __future__ import annotations

import re

from ..lib import disk_full, process
from ..lib.next_steps import on_server
from ..lib.outcome import Refused
from . import clone
from .site import Site


def fetch(site: Site, wanted: str) -> None:
    """Fetches the site's branch, unless `wanted` is there already. Raises Refused."""
    if clone.has(site.project, wanted):
        return
    try:
        clone.fetch(site.project, site.remote, site.branch)
    except process.Failed as error:
        raise refusal(site, error) from error


def refusal(site: Site, error: process.Failed) -> Refused:
    """The refusal for a fetch that failed."""
    if disk_full.is_full(error):
        return Refused("there is no room for what is fetched", [disk_full.message(error)], disk_full.fixes(site, error))
    remotes = clone.remotes(site.project)
    if site.remote not in remotes:
        return Refused(
            "the clone on the server has no remote %r" % site.remote,
            ["there: %s" % (", ".join(remotes) or "none")],
            [
                on_server(site, "git", "remote", "add", site.remote, "REPOSITORY"),
                "or correct  remote:  of %s in invoke.yaml" % site.name,
            ],
        )
    url = clone.url(site.project, site.remote)
    foreign = re.search(r"dubious ownership in repository at '(.+)'", error.output)
    if foreign:
        return Refused(
            "the server cannot fetch: git does not trust the owner of the remote: %s" % url,
            [clone.reason(error)],
            [on_server(site, "git", "config", "--global", "--add", "safe.directory", foreign.group(1))],
        )
    _, what, fixes = next(entry for entry in KNOWN if any(word in error.output for word in entry[0]))
    fixes = [fix.format(name=site.name, remote=site.remote, branch=site.branch) for fix in fixes]
    return Refused("%s: %s" % (what, url), [clone.reason(error)], fixes)


KEY = "fab {name}.workon -c 'git remote set-url {remote} git@HOST:YOU/REPOSITORY.git'"
# Words of git or ssh, what they mean, what to do. The last fits everything.
KNOWN = (
    (
        ("could not read Username", "could not read Password", "Authentication failed", "terminal prompts disabled"),
        "the server cannot fetch: the remote asks for a password",
        ["give the repository a deploy key of the server (ssh-keygen there), then", KEY],
    ),
    (
        ("Host key verification failed", "No ECDSA host key is known", "No ED25519 host key is known"),
        "the server cannot fetch: it does not know the host of the remote",
        ["fab {name}.workon  and there  git fetch: compare the key that it shows, say yes"],
    ),
    (
        ("Permission denied", "publickey"),
        "the server cannot fetch: the remote does not let it in",
        ["add the server's public key (~/.ssh/*.pub there) to the repository's deploy keys"],
    ),
    (
        ("couldn't find remote ref",),
        "the server cannot fetch: its remote has no branch of that name",
        ["git push {remote} {branch}", "or correct  branch:  of {name} in invoke.yaml"],
    ),
    (
        ("does not appear to be a git repository", "not found", "does not exist"),
        "the server cannot fetch: there is no such repository",
        ["fab {name}.workon -c 'git remote set-url {remote} REPOSITORY'"],
    ),
    (
        ("",),
        "the server cannot fetch",
        ["fab {name}.workon -c 'git fetch {remote}'  shows it all"],
    ),
)
