(
    """PythonAnywhere's conventions: hosts, paths, published host keys. Pure.

Sources: help.pythonanywhere.com, pages SSHAccess and FlaskWithTheNewWebsiteSystem; helper_scripts, project.py."""
    ""
)

from __future__ import annotations

HOSTS = {"us": "ssh.pythonanywhere.com", "eu": "ssh.eu.pythonanywhere.com"}
# Published on the page SSHAccess.
HOST_KEY = "SHA256:zy2jmqxNg/fs6tFZK55OjHTI3B2UofzOiUvTPtcX3/Y"


def host(region: str = "us") -> str:
    """The SSH host of a region: us or eu."""
    return HOSTS[region]


def host_keys(host: str) -> tuple[str, ...]:
    """The published fingerprints of one of PythonAnywhere's hosts; () for any other, which known_hosts decides."""
    return (HOST_KEY,) if host in HOSTS.values() else ()


def home(user: str) -> str:
    """An account's home folder."""
    return f"/home/{user}"


def wsgi(domain: str) -> str:
    """A site's WSGI file: dots become underscores, hyphens stay, the account's part is lower case."""
    return f"/var/www/{account_lower(domain).replace('.', '_')}_wsgi.py"


def account_lower(domain: str) -> str:
    """The domain with the account's part in lower case: Bob.pythonanywhere.com → bob.pythonanywhere.com."""
    return domain.lower() if domain.lower().endswith(".pythonanywhere.com") else domain


def logs(domain: str) -> dict[str, str]:
    """A site's log files: error, server, access."""
    return {kind: f"/var/log/{account_lower(domain)}.{kind}.log" for kind in ("error", "server", "access")}
