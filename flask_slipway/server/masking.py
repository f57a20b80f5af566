"""Known secret values never leave the server: they are replaced in everything that is told or written down."""

import re
import urllib.parse

SECRET_NAME = re.compile(r"SECRET|PASS|TOKEN|KEY|URL|URI|DSN|CREDENTIAL|AUTH|SALT", re.I)
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

    def __init__(self):
        self._values = set()
        self._found = None

    def add(self, value):
        """Takes a secret (text) into account, and its lines; very short ones are left, they would cover half of every
        word."""
        if not value or len(value) < SHORTEST:
            return
        self._values.add(value)
        self._values.update(line for line in value.splitlines() if len(line.strip()) >= SHORTEST)
        ordered = sorted(self._values, key=lambda text: (-len(text), text))
        self._found = re.compile("|".join(map(written, ordered)))

    def add_named(self, name, value):
        """Takes the value of a setting whose name sounds secret, and the password of an URL in it."""
        if SECRET_NAME.search(name):
            self.add(value)
            for part in re.findall(r"://[^:/]*:([^@]*)@", value):
                self.add(part)
                self.add(urllib.parse.unquote(part))

    def add_env(self, text):
        """Takes the values of a .env file whose names sound secret."""
        for name, value in env_pairs(text):
            self.add_named(name, value)

    def text(self, text):
        return self._found.sub(COVER, text) if self._found else text

    def value(self, value):
        """The same for any JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            ours = CONTROL - {"what"} if "event" in value else CONTROL  # an event's "what" is a headline
            return {self.text(str(key)): inner if key in ours else self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value


def written(value):
    """The pattern of all ways in which `value` may be written."""
    runs = re.findall(r"\\+|[^\\]", value)
    return "".join(r"(?:\\|%%5[cC]){%d,}" % len(run) if run[0] == "\\" else _sign(run) for run in runs)


def _sign(sign):
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


PAIR = re.compile(
    r"""[^\S\r\n]*(?:export[^\S\r\n]+)?(?:'(?P<quoted>[^']+)'|(?P<name>[^=\#\s]+))[^\S\r\n]*=
    (?:[^\S\r\n]+(?=\#)|[^\S\r\n]*
    (?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)"|(?P<plain>[^\r\n]*)))""",
    re.X | re.S,
)
LINE_END = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def env_pairs(text):
    """(name, value) of each assignment in a .env file, as python-dotenv reads it: quotes and escapes taken off."""
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text):
        match = PAIR.match(text, position)
        if match:
            yield match["quoted"] or match["name"], _plain(match)
            position = match.end()
        end = LINE_END.match(text, position)
        position = end.end() if end else len(text)


def _plain(match):
    if match["single"] is not None:
        return re.sub(r"\\([\\'])", r"\1", match["single"])
    if match["double"] is not None:
        return re.sub(r"\\([\\'\"abfnrtv])", lambda m: ESCAPES.get(m[1], m[1]), match["double"])
    return re.sub(r"\s+#.*", "", match["plain"] or "").rstrip()
