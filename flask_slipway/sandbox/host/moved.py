"""A sandbox whose folder was moved, with the project around it: its files name the place where it lies now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flask_slipway.errors import Refusal
from flask_slipway.sandbox.host import origin, state
from flask_slipway.sandbox.host.state import Sandbox


def settle(folder: Path, site: Sandbox) -> Sandbox:
    """The sandbox `site`, at home in `folder`: where it was moved, what ran is ended, and what names its old place
    names the new one. Raises Refusal where it is a copy, whose original is still there."""
    there = state.elsewhere(folder)
    if there is None:
        return site
    if state.is_copy(folder):
        raise Refusal(
            f"The sandbox in {folder} is a copy of the one in {there}",
            ["Its keys, ports and paths are the other one's, which goes on as it is."],
            ["inv sandbox.down --remove  (takes the copy away), then  inv sandbox.up"],
        )
    for process in site.processes.values():
        process.stop(90)
    before, after = str(there).encode(), str(site.folder).encode()
    for path in _naming(site):
        content = path.read_bytes()
        if before in content:
            path.write_bytes(content.replace(before, after))
    _follow_repository(site, str(there), str(site.folder))
    shutil.rmtree(site.folder / "uwsgi", ignore_errors=True)  # links into the virtualenv of who starts it
    site = replace(site, processes={})
    state.save(site)
    return site


def _follow_repository(site: Sandbox, before: str, after: str) -> None:
    """The clone's origin, as git writes it down: in quotes where its place has a #."""
    clone = str(site.project)
    if not (site.project / ".git").exists():
        return
    url = origin.git("-C", clone, "config", "--get", "--default", "", "remote.origin.url").rstrip("\n")
    if url.startswith(before):
        origin.git("-C", clone, "config", "remote.origin.url", after + url[len(before) :])


def _naming(site: Sandbox) -> Iterator[Path]:
    """The files that name the sandbox's own folder."""
    files = [site.wsgi, site.project / ".env"]
    files += site.home.glob(".slipway/sites/*/gate/wsgi.original")
    for virtualenv in (site.home / ".virtualenvs").glob("*"):
        files += [virtualenv / "pyvenv.cfg", *(virtualenv / "bin").glob("*")]
    return (path for path in files if path.is_file() and not path.is_symlink())
