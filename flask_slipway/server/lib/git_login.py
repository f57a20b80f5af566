"""The name and password that stand in a remote's web address. git hands the address, as it stands, to a helper of its
own as an argument, which other users of the machine may read; told by its configuration, both stay in the
environment."""

from __future__ import annotations

import os
import re
from typing import Callable, Dict, Iterator, List, Mapping, Tuple
from urllib.parse import unquote_to_bytes

PARAMETERS = "GIT_CONFIG_PARAMETERS"  # what `git -c` fills, whatever git's version: 'name=value' 'name=value'
WITH_LOGIN = re.compile(r"(https?|ftps?)://([^/?#@]*)@([^/?#]+)(.*)", re.S)
# A constant text for git's shell: it reads the login from the environment. Source: gitcredentials(7).
HELPER = '!f() { if [ "$1" = get ]; then printf "username=%%s\\npassword=%%s\\n" "$%s" "$%s"; fi; }; f'

Ask = Callable[..., str]  # what git prints, "" where it fails; called with its arguments
Settings = List[Tuple[str, str]]


def environment(ask: Ask, remote: str, given: Mapping[str, str]) -> Dict[str, str]:
    """The variables with which git reaches `remote` by addresses that have no login in them, to add to those that are
    `given`; none where they have none anyway."""
    settings: Settings = []
    variables: Dict[str, str] = {}
    logins: Dict[str, str] = {}
    for key, configured, address in _addresses(ask, remote):
        match = WITH_LOGIN.match(address)
        if match is None:
            continue
        scheme, login, host, rest = match.groups()
        plain = "%s://%s%s" % (scheme, host, rest.replace("=", "%3D"))  # the first = ends a setting's name
        settings.append(("url.%s.%s" % (plain, key), configured))
        place = "%s://%s" % (scheme, host)  # of all its paths: a repository that was renamed leads to another one
        if logins.setdefault(place, login) != login:
            place = plain
        for setting, named in _credentials("credential.%s" % place, login, "SLIPWAY_GIT_%d_" % len(settings)):
            settings.append(setting)
            variables.update(named)
    if settings:
        texts = [given.get(PARAMETERS, ""), *(_quoted("%s=%s" % setting) for setting in settings)]
        variables[PARAMETERS] = " ".join(filter(None, texts))
    return variables


def _addresses(ask: Ask, remote: str) -> List[Tuple[str, str, str]]:
    """Of each of a remote's addresses (what git rewrites it by, as it is configured, as git reads it)."""
    urls, pushed = (
        ask("config", "--get-all", "remote.%s.%s" % (remote, key)).split("\n") for key in ("url", "pushurl")
    )
    key = "insteadOf" if any(pushed) else "pushInsteadOf"
    found = [("insteadOf", *both) for both in zip(urls, ask("remote", "get-url", "--all", remote).split("\n"))]
    into = ask("remote", "get-url", "--push", "--all", remote).split("\n")
    return list(dict.fromkeys([*found, *((key, *both) for both in zip(pushed if any(pushed) else urls, into))]))


def _credentials(scope: str, login: str, names: str) -> Iterator[Tuple[Tuple[str, str], Dict[str, str]]]:
    """The settings for a login NAME or NAME:PASSWORD, each with its variables, whose names begin with `names`; for a
    password that is not there git asks as before."""
    user, colon, password = (os.fsdecode(unquote_to_bytes(part)) for part in login.partition(":"))
    if user:
        yield (scope + ".username", user), {}
    if colon:
        variables = {names + "NAME": user, names + "PASSWORD": password}
        yield (scope + ".helper", ""), {}  # no other one is asked
        yield (scope + ".helper", HELPER % tuple(variables)), variables


def _quoted(text: str) -> str:
    return "'%s'" % text.replace("'", "'\\''")
