"""The first command after a clone."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from support import ROOT


@pytest.mark.parametrize("version", ["3.6", "3.8"])
def test_an_old_python_says_what_is_needed_and_changes_nothing(tmp_path, version):
    found = next((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python{version}"), None)
    if found is None:
        pytest.skip(f"Python {version} is not on this machine: install it, for example with pyenv")
    words = [found, ROOT / "bootstrap", "inv", "test"]
    said = subprocess.run(words, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert said.returncode == 1
    assert "this needs Python 3.10 or newer" in said.stderr and "Nothing was changed." in said.stderr
    assert len(said.stderr.splitlines()) == 2


def test_without_a_command_it_shows_how_it_is_used():
    said = subprocess.run([sys.executable, ROOT / "bootstrap"], capture_output=True, text=True)
    assert said.returncode == 1 and "./bootstrap --servers inv test" in said.stdout


@pytest.fixture
def bootstrap(tmp_path):
    """The script as a module that has nothing to install, whose policy for services lies in `tmp_path`."""
    loader = SourceFileLoader("bootstrap_script", str(ROOT / "bootstrap"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    module.POLICY, module.SERVERS, module.way_to_root = str(tmp_path / "policy-rc.d"), {}, list
    return module


@pytest.mark.parametrize("found", [True, False], ids=["with a policy", "without one"])
def test_killed_while_it_installs_servers_it_keeps_nobody_elses_from_starting(bootstrap, tmp_path, found):
    policy = Path(bootstrap.POLICY)
    if found:
        policy.write_text('#!/bin/sh\ntest "$1" != kept-down || exit 101\n')
        policy.chmod(0o755)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}

    def starts(service, **environment):
        line = [policy, service, "start"]
        return not policy.exists() or subprocess.run(line, env=os.environ | environment).returncode == 0

    def killed():
        child = os.fork()
        if not child:
            bootstrap.NoServices([]).__enter__()
            os._exit(9)
        os.waitpid(child, 0)

    killed()
    name, _, value = bootstrap.NoServices.environment.partition("=")
    assert not starts("mariadb", **{name: value}), "what it installs itself"
    assert starts("nginx")
    assert starts("kept-down") is not found
    with bootstrap.NoServices([]):
        assert not starts("mariadb", **{name: value})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    killed()
    bootstrap.get_servers()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
