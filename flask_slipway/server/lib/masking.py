"""Known secret values never leave the server: they are replaced in everything that is told or written down."""

from __future__ import annotations

import ast
import os
import re
import urllib.parse
from typing import Any, Iterator, List, Mapping, Optional, Pattern, Set, Tuple

from . import dotenv

SECRET_NAME = re.compile(r"SECRET|PASS|TOKEN|KEY|URL|URI|DSN|CREDENTIAL|AUTH|SALT", re.I)
# Among what an app sets while it loads, most values are no secret: CACHE_KEY_PREFIX, PREFERRED_URL_SCHEME, LOGIN_URL.
SURELY_SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN$|CREDENTIAL|DSN|SALT|(?<!PUBLIC)_KEY$|DATABASE_UR[IL]", re.I)
SHORTEST = 5
# Words of our own, never of an app: covered, they would no longer be found.
CONTROL = {"what", "event", "run", "task", "by", "id", "backup", "database", "kept"}
COVER = "••••"
# How a sign may stand in a text that quotes or escapes it: Python, JSON, SQL, shells, HTML, option files.
SPECIAL = {
    "'": ("'\"'\"'", "'\\''", "''", "&#39;", "&#x27;", "&apos;"),
    '"': ('""', "&quot;", "&#34;"),
    "%": ("%%",),
    " ": ("+", "\\s"),
    "&": ("&amp;",),
    "<": ("&lt;",),
    ">": ("&gt;",),
    "\n": ("\\n",),
    "\r": ("\\r",),
    "\t": ("\\t",),
}


class Mask:
    """Replaces every known value, also in its quoted, URL-quoted and escaped forms. Values only ever get added."""

    def __init__(self) -> None:
        self._values: Set[str] = set()
        self._found: Optional[Pattern[str]] = None

    def add(self, value: Optional[str]) -> None:
        """Takes a secret (text) into account, and its lines; very short ones are left, they would cover half of every
        word."""
        if not value or len(value) < SHORTEST:
            return
        self._values.add(value)
        self._values.update(line for line in value.splitlines() if len(line.strip()) >= SHORTEST)
        ordered = sorted(self._values, key=lambda text: (-len(text), text))
        self._found = re.compile("|".join(map(written, ordered)))

    def add_named(self, name: str, value: str) -> None:
        """Takes the value of a setting whose name sounds secret, and the password of an URL whatever its name."""
        if SECRET_NAME.search(name):
            self.add(value)
        for part in re.findall(r"://[^:/]*:([^@]*)@", value):
            self.add(part)
            self.add(urllib.parse.unquote(part))

    def add_env(self, text: str) -> None:
        """Takes the values of a .env file whose names sound secret: as written, and as this process's environment
        completes them."""
        for name, value in dotenv.every_value(text, os.environ):
            self.add_named(name, value)

    def add_settings(self, settings: Mapping[str, Any]) -> None:
        """Takes what an app has set while it loaded: {name: value}, such as its configuration."""
        for name, value in settings.items():
            if isinstance(name, str) and isinstance(value, str) and SURELY_SECRET.search(name):
                self.add_named(name, value)

    def add_python(self, source: str) -> None:
        """Takes the texts that a Python file gives to names which sound secret: os.environ["MAIL_PASSWORD"] = "…"."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
        for name, value in _given(tree):
            if isinstance(name, str) and isinstance(value, str):
                self.add_named(name, value)

    def add_options(self, text: str) -> None:
        """Takes the passwords of an option file such as ~/.my.cnf."""
        for match in re.finditer(r"^[ \t]*password[ \t]*=[ \t]*(.*?)[ \t\r]*$", text, re.M | re.I):
            quoted = match.group(1)[:1] in ("'", '"') and match.group(1)[:1] == match.group(1)[-1:]
            plain = match.group(1)[1:-1] if quoted else match.group(1)
            self.add(plain)
            self.add(re.sub(r"\\(.)", lambda m: {"s": " ", "t": "\t", "n": "\n", "r": "\r"}.get(m[1], m[1]), plain))

    def add_remotes(self, text: str) -> None:
        """Takes the names and passwords of web addresses in a clone's configuration."""
        for login in re.findall(r"https?://([^/@\s]+)@", text):
            for part in login.split(":"):
                self.add(part)
                self.add(urllib.parse.unquote(part))

    @property
    def values(self) -> List[str]:
        """All that is known: secrets, never to be told."""
        return sorted(self._values)

    def text(self, text: str) -> str:
        """The text with every known value covered."""
        return self._found.sub(COVER, text) if self._found else text

    def value(self, value: Any) -> Any:
        """The same for any JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            ours = CONTROL - {"what"} if "event" in value else CONTROL  # an event's "what" is a headline
            return {self.text(str(key)): inner if key in ours else self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value


def written(value: str) -> str:
    """The pattern of all ways in which `value` may be written."""
    runs = re.findall(r"\\+|[^\\]", value)
    return "".join(r"(?:\\|%%5[cC]){%d,}" % len(run) if run[0] == "\\" else _sign(run) for run in runs)


def _sign(sign: str) -> str:
    if sign.isascii() and sign.isalnum():
        return sign
    number, pair = ord(sign), sign.encode("utf-16-be", "surrogatepass")
    escapes = [r"\\+u%02x%02x" % (pair[at], pair[at + 1]) for at in range(0, len(pair), 2)]
    data = sign.encode("utf-8", "surrogatepass")
    forms = ["".join(escapes), r"\\+U%08x" % number, "".join(r"\\+x%02x" % byte for byte in data)]
    forms += [r"\\+x%02x" % number] * (number < 256) + ["".join("%%%02x" % byte for byte in data)]
    forms = ["(?i:%s)" % form for form in forms]
    forms += [re.escape(form).replace(r"\\", r"\\+") for form in SPECIAL.get(sign, ())]
    return r"\\*(?:%s)" % "|".join([*forms, re.escape(sign)])


def _given(tree: ast.AST) -> Iterator[Tuple[Any, Any]]:
    """(name, value) of each constant that is given to a name, an attribute, a key or an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield _named(target), _constant(node.value)
        elif isinstance(node, ast.Dict):
            yield from ((_constant(key), _constant(value)) for key, value in zip(node.keys, node.values))
        elif isinstance(node, ast.Call):
            yield from ((word.arg, _constant(word.value)) for word in node.keywords)
            yield from ((_constant(one), _constant(other)) for one, other in zip(node.args, node.args[1:]))


def _named(target: ast.AST) -> Any:
    if isinstance(target, ast.Subscript):
        index = target.slice  # Python 3.8 has an ast.Index around it
        return _constant(index if isinstance(index, ast.Constant) else getattr(index, "value", None))
    return getattr(target, "id", None) or getattr(target, "attr", None)


def _constant(node: Optional[ast.AST]) -> Any:
    return node.value if isinstance(node, ast.Constant) else None
