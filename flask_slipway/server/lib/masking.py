"""Known secret values never leave the server: they are covered in all free text that is told or written down.

What is read again, compared or acted upon (a branch, a path, a revision, the name of a step) is no free text, and is
left as it is, whatever the values are."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import urllib.parse
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Match, Optional, Pattern, Set, Tuple

from . import dotenv

# A name that a secret bears: it has one of these words, or ends with one; a number, or where it holds, may follow.
WORD = r"SECRET|PASSWORD|PASSWD|PASSPHRASE|PASSCODE|CREDENTIAL|CONNECTION_?STR|CONN_?STR"
END = (
    r"(?<!BY)(?<!COM)PASS|PSWD|PWD|PSW|PW|(?<![A-Z])PIN|TOKEN|SALT|PEPPER|WEBHOOK|SIGNING|DSN|DATABASE_UR[IL]"
    r"|(?<!PUBLIC)(?<!PRIMARY)(?<!FOREIGN)(?<!CACHE)(?<!SORT)_KEY|(?:API|SECRET|ACCESS|PRIVATE|SIGNING)KEY"
)
SURE = re.compile(r"%s|(?:%s)S?(?:_?\d+|_(?:PROD|PRODUCTION|STAGING|DEV|TEST|LIVE|OLD|NEW))?$" % (WORD, END), re.I)
# Of such a name, what is about a secret and not one, where it is a mere word: SECURITY_PASSWORD_HASH=bcrypt.
ABOUT = re.compile(
    r"(?:HASH|HASHER|ALGORITHM|SCHEMES?|METHOD|TYPE|TIMEOUT|LIFETIME|AGE|DAYS|HOURS|MINUTES|SECONDS|LENGTH|FIELD|NAME"
    r"|PREFIX|FILE|PATH|BACKEND|REQUIRED|ENABLED|POLICY)$",
    re.I,
)
PLACE = re.compile(r"(?:^(?:OLD)?PWD|ASKPASS)$")  # a folder, a program
# A name that sounds as if it had one; its value counts where it is no mere word: AUTH_BACKEND=database is none.
SOUNDING = re.compile(
    r"SECRET|PASS|PWD|PSWD|PW(?:_|\d|$)|(?<![A-Z])PIN(?:_|\d|$)|TOKEN|KEY|UR[IL]|DSN|CREDENTIAL|AUTH|SALT|PEPPER"
    r"|WEBHOOK|SIGNING|COOKIE|CONNECTION|CONN_|LOGIN|BEARER|JWT",
    re.I,
)
SHORTEST = 5
# What hides nothing, whatever it is the value of: no message could be read, and the cover would tell what it is; nor
# could the command be typed that a message ends with. Among them are the names of the tasks, and how a run ends.
WORDS = """
access admin after always app apps auth backup backups bearer before change changed changeme check close closed code
commit complete config current data database debug default deploy dev devel development disabled downgrade enabled
error errors example failed false fence fetch files flask freeze gate guest health healthy history http https info
install interrupted journal local localhost lock login logs main mariadb master memory migrate mysql never nobody
none null open opened packages password pending postgres postgresql prod production public pull python record
recover recovered redis refused release released reload required requirements restore restored return returned
revision rollback root sandbox schema secret seed server session setup simple site sqlite stage staging status step
swap table tables task test testing tests token true unchanged upgrade user username users virtualenv warning
warnings watch website workon write
"""
COMMON = frozenset(WORDS.split())
LONGEST_WORD = 20  # letters; more in a row are no word
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
# In any text, of whatever is not known, or no more: who logs in by a web address, what a line of code or of settings
# gives to a secret's name.
# One run of signs up to the last @, so that an address without any is given up at once, however long it is.
LOGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,20})://(?P<login>[^\s/'\"]*)@", re.I)
PLACEHOLDER = re.compile(r"[A-Z]+|<[\w -]+>")  # USER:PASSWORD, as a message writes it
NAMED = r"(?i:%s|%s)S?\d*" % (WORD, END)
GIVES = r"\\*[\"']?\]?\s*(?:=|:|:\s*[\w.]+\s*=)\s*|\\*[\"']\s*,\s*"  # os.environ["…"] = , : str = , setdefault("…",
GIVEN = re.compile(r"(?P<head>%s(?:%s)[bru]?\\*(?P<quote>[\"']))(?P<value>(?:\\.|(?!(?P=quote)).)+)" % (NAMED, GIVES))
SET = re.compile(r"(?P<head>%s=)(?P<value>[^\s'\"&;,()]+)" % NAMED)
# The free text of an event, by its key: all below it. Of an end also its headline `what`; of LABELS not the ids.
TEXTS = "text cause next edits restore_blockers differences subject health guarantees operations losses lacking unseen"
TEXT = frozenset([*TEXTS.split(), "answer", "commands", "other", "other_database"])
LABELS = frozenset(("texts", "undone"))


class Mask:
    """Covers every known value, also in its quoted, URL-quoted and escaped forms. Values only ever get added."""

    def __init__(self) -> None:
        self._values: Set[str] = set()
        self._passing: Set[str] = set()  # of them, those that are no secret once this process has ended
        self._public: Set[str] = set()
        self._found: Optional[Pattern[str]] = None  # of all of them; made when it is needed
        self._is_stale = False
        self._once: Dict[int, Set[str]] = {}  # of values that were known once: {length: digests}
        self._key = b""

    def add(self, value: Optional[str], passing: bool = False) -> None:
        """Takes a secret (text) into account, and its lines; not what is short or common, which would cover half of
        every word. `passing`: it is worth nothing once this process has ended."""
        if not value or is_common(value):
            return
        if passing:
            self._passing.add(value)
        self._values.add(value)
        self._values.update(line for line in value.splitlines() if not is_common(line.strip()))
        self._is_stale = True

    def spare(self, words: Iterable[Optional[str]]) -> None:
        """Takes what is told anyway, such as a branch, a table, the site's name: no secret, whatever it is a value
        of."""
        self._public.update(word.casefold() for word in words if word)
        self._is_stale = True

    def _known(self) -> Optional[Pattern[str]]:
        if self._is_stale:
            values = [value for value in self._values if value.casefold() not in self._public]
            ordered = sorted(values, key=lambda text: (-len(text), text))
            self._found, self._is_stale = re.compile("|".join(map(written, ordered))) if ordered else None, False
        return self._found

    def add_named(self, name: str, value: str) -> None:
        """Takes the value of a setting whose name says that it is secret, or sounds so where it is no mere word; of any
        setting what logs in by an address, and what it gives to such names itself (Password=…;)."""
        name = "" if PLACE.search(name) else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        sounding = SOUNDING.search(name) and not is_plain(value)
        if sounding or (SURE.search(name) and not ABOUT.search(name) and not is_address(value)):
            self.add(value)
        if sounding and re.match(r"https?://[^@]+\Z", value, re.I):  # a webhook's, as urllib tells of it
            self.add(re.sub(r"\A[^:]*://[^/]*", "", value))
        if re.search("AUTH|LOGIN", name, re.I) and re.match(r"[^\s:/]+:[^\s/]+\Z", value):  # ann:password
            self.add(value.partition(":")[2])
        for part in _parts(value):
            self.add(part)
            self.add(urllib.parse.unquote(part))

    def add_env(self, text: str, *environments: Mapping[str, str]) -> None:
        """Takes the values of a .env file whose names sound secret: as written, and as each of `environments`
        completes them: this process's, none at all, and those that are given; and of a secret the ${PIECES} too."""
        for environment in (os.environ, {}, *environments):
            known = {**dotenv.values(text, environment), **environment}
            for name, value in dotenv.every_value(text, environment):
                self.add_named(name, value)
                for piece in dotenv.VARIABLE.findall(value):
                    self.add_named("" if is_address(value) else name, known.get(piece[0]) or piece[1])

    def add_settings(self, settings: Mapping[str, Any]) -> None:
        """Takes what an app has set while it loaded: {name: value}, such as its configuration. Most of it is no secret:
        only a name that says so counts."""
        for name, value in settings.items():
            if isinstance(name, str) and isinstance(value, str):
                self.add_named(name if SURE.search(name) else "", value)

    def add_python(self, source: str) -> Dict[str, str]:
        """Takes the texts that a Python file gives to names which sound secret: os.environ["MAIL_PASSWORD"] = "…".
        Returns what it gives to every name."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return {}
        found = {name: value for name, value in _given(tree) if isinstance(name, str) and isinstance(value, str)}
        for name, value in _given(tree):
            if isinstance(name, str) and isinstance(value, str):
                self.add_named(name, value)
        return found

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

    def add_digests(self, key: bytes, digests: Iterable[str]) -> None:
        """Takes values that were known once, of which `digests` are kept, made with `key`."""
        self._key = key
        for digest in digests:
            length = digest.partition(":")[0]
            if length.isdigit():
                self._once.setdefault(int(length), set()).add(digest)

    def digests(self, key: bytes) -> List[str]:
        """What tells the lasting values again that are known now, made with `key`; they cannot be read from it."""
        return sorted(_digest(key, value) for value in self._values - self._passing if "\n" not in value)

    @property
    def values(self) -> List[str]:
        """All that is known: secrets, never to be told."""
        return sorted(self._values)

    def text(self, text: str) -> str:
        """A free text with every known value covered, and what has the form of a secret's place. Cut it afterwards: a
        piece of a value is not known."""
        known = self._known()
        if known is not None:
            text = known.sub(COVER, text)
        text = without_logins(text)
        text = SET.sub(self._without_value, GIVEN.sub(self._without_value, text))
        return self._without_old(text) if self._once else text

    def _without_old(self, text: str) -> str:
        """The text without the values that were known once, where they stand between other signs than letters."""
        done, pieces = 0, []
        for start in (match.start() for match in re.finditer(r"(?<!\w)\S", text)):
            for length in sorted(self._once, reverse=True) if start >= done else ():
                piece, after = text[start : start + length], text[start + length : start + length + 1]
                if len(piece) == length and not after.isalnum() and _digest(self._key, piece) in self._once[length]:
                    pieces += [text[done:start], COVER]
                    done = start + length
                    break
        return "".join([*pieces, text[done:]])

    def _without_value(self, match: Match[str]) -> str:
        """What is given to a secret's name, without the value. Without quotes, or behind a comma, a name is one of the
        code's; of an address the login is covered."""
        head, value = match["head"], match["value"]
        in_code = (head.endswith("=") or "," in head) and re.fullmatch(r"[A-Za-z_.]+", value)
        place = is_address(value) and ("@" in value or is_plain(value))
        harmless = is_common(value) or value.casefold() in self._public or in_code or place
        return match[0] if harmless else head + COVER

    def texts(self, value: Any) -> Any:
        """Every text of a JSON value that is free text throughout; a name that something bears in it stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.texts(inner) for key, inner in value.items()}
        return [self.texts(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    def event(self, event: Mapping[str, Any]) -> Dict[str, Any]:
        """An event with its free text covered, and all else as it is."""
        what = {"what": self.texts(event["what"])} if event.get("event") == "end" else {}
        return {**self._structure(event), **what}

    def _structure(self, value: Any, key: str = "") -> Any:
        if key in TEXT:
            return self.texts(value)
        if isinstance(value, dict):
            free = self.texts if key in LABELS else None
            return {name: free(inner) if free else self._structure(inner, name) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._label(inner) if key in LABELS else self._structure(inner) for inner in value]
        return value

    def _label(self, pair: Any) -> Any:
        """An id with its text."""
        return [pair[0], *self.texts(pair[1:])] if isinstance(pair, (list, tuple)) and pair else pair


def _digest(key: bytes, value: str) -> str:
    data = value.encode("utf-8", "surrogatepass")
    return "%d:%s" % (len(value), hashlib.blake2b(data, key=key, digest_size=16).hexdigest())


def is_common(value: str) -> bool:
    """Whether it is too short to be told from a piece of a word, or a word that everybody uses."""
    return len(value) < SHORTEST or value.casefold() in COMMON


def is_plain(value: str) -> bool:
    """Whether it is made of words, numbers and what joins them: database, session-id, app.auth.Backend, 86400; or an
    address that holds no more than that, nor a login or a query."""
    address = is_address(value)
    if re.search(r"[@?]" if address else r"[^\w./:,-]", value):
        return False
    return all(_is_word(run) or (address and len(run) < 8) for run in re.findall(r"[^\W_]+", value))


def _is_word(run: str) -> bool:
    humps = r"[^\W\d_]?[a-z]*(?:[A-Z][a-z]{2,})*|[A-Z]+"
    return run.isdigit() or (len(run) <= LONGEST_WORD and re.fullmatch(humps, run) is not None)


def is_address(value: str) -> bool:
    """Whether it is an address, of which only a part is secret, or a database's file."""
    return re.match(r"[a-z][a-z0-9+.-]*://", value, re.I) is not None


def _parts(value: str) -> Iterator[str]:
    """What is secret in any value: the password of an address, or the token that stands in its place; what a query or a
    connection string gives to a secret's name."""
    for match in re.finditer(r"([a-z][a-z0-9+.-]{0,20})://([^\s:/@]*)(:?)", value, re.I):
        rest = value[match.end() :]
        if match[3] and "@" in rest and not re.match(r"\d+/", rest):
            yield from (rest.partition("@")[0], rest.rpartition("@")[0])
        elif rest.startswith("@") and match[1].lower() in ("http", "https"):
            yield match[2]
    for name, part in re.findall(r"([\w. -]{1,60})=([^;&\s]+)", value):
        if SURE.search(name.strip().replace(" ", "_")):
            yield part


def without_logins(text: str) -> str:
    """The text without the passwords of its addresses, and the tokens that stand in their place."""
    return LOGIN.sub(_without_login, text)


def _without_login(match: Match[str]) -> str:
    """An address without its password. A name alone is one on the web, where a token can stand in its place."""
    user, colon, password = match["login"].partition(":")
    if colon:
        keep = PLACEHOLDER.fullmatch(password)
        return match[0] if keep else "%s://%s:%s@" % (match["scheme"], user, COVER)
    is_token = match["scheme"].lower() in ("http", "https") and not user.startswith("<")
    return "%s://%s@" % (match["scheme"], COVER) if is_token else match[0]


def end_of(text: str, length: int) -> str:
    """The last `length` signs of a text, from the beginning of a line on, else of a word: half a value is not known."""
    if len(text) <= length:
        return text
    end = text[-length:]
    return re.sub(r"\A[^\n]*\n" if "\n" in end.rstrip("\n") else r"\A\S*\s?", "", end)


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
