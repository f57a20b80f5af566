"""SSH servers, and a person's home that knows none of them."""

import pytest

from support.ssh_host import Host


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def laptop(tmp_path, monkeypatch):
    """A person's home without keys, known hosts or an agent."""
    (tmp_path / "laptop" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "laptop"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path / "laptop"


@pytest.fixture
def host(server):
    """The server, with a fresh home and nothing noted."""
    server.clean()
    return server


@pytest.fixture
def mortal(tmp_path):
    """A server of its own, for a test that hurts it."""
    made = Host(tmp_path)
    yield made
    made.stop()
