"""A .env file: what python-dotenv takes from it, and where a shell would read it otherwise. Its findings never
tell a value.

The grammar is python-dotenv's own (its parser.py, version 1.2), read as load_dotenv() does: UTF-8, any line ends. It is
the only one: both halves read every .env by this module."""

from __future__ import annotations

import os
import re
from typing import (
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Match,
    NamedTuple,
    Optional,
    Pattern,
    Sequence,
    Tuple,
    TypedDict,
)

EXPORT = re.compile(r"(?:export[^\S\r\n]+)?")
KEY = re.compile(r"'([^']+)'|([^=\#\s'][^=\#\s]*)")
BLANK = re.compile(r"\s*")
EQUAL = re.compile(r"[^\S\r\n]*(=[^\S\r\n]*)")
QUOTED = {
    "'": (re.compile(r"'((?:\\.|[^'\\])*)'", re.S), re.compile(r"\\[\\']")),
    '"': (re.compile(r'"((?:\\.|[^"\\])*)"', re.S), re.compile(r"\\[\\'\"abfnrtv]")),
}
PLAIN = re.compile(r"[^\r\n]*")
END = re.compile(r"[^\S\r\n]*(?:#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$)")
REST = re.compile(r"[^\r\n]*(?:\r|\n|\r\n)?")
# ${NAME} or ${NAME:-default} in a value. Source: python-dotenv's variables.py.
VARIABLE = re.compile(r"\$\{([^\}:]*)(?::-([^\}]*))?\}")
# What looks like a name with its value, wherever a line begins.
LOOSE = re.compile(r"[^\S\r\n]*(?:export[^\S\r\n]+)?('[^'\r\n]+'|[^=\#\s]+)[^\S\r\n]*=[^\S\r\n]*([^\r\n]*)")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that a shell sets, guards or lives by.
SHELLS_OWN = {"BASHOPTS", "BASHPID", "EUID", "GROUPS", "HOME", "IFS", "LINENO", "OLDPWD", "OPTIND", "PATH", "PPID"}
SHELLS_OWN |= {"PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "UID", "_"}
# A name that may be shown though .env.example does not have it. What else stands before a = could be a piece of a
# secret whose line broke, and is not shown.
SETTING = re.compile(r"(?=.{3,40}$)[A-Z]+[0-9]?(?:_[A-Z]+[0-9]?|_[0-9]{1,2})+$")
# A name that may stand there without a value; another could be the end of a secret with the = that fills it up.
WITHOUT_VALUE = re.compile(r"_*[A-Z]+[0-9]*(?:_+[A-Z0-9]+)*_*")
SECOND_NAME = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)+=[^=]")
HIDDEN = "(not shown)"
# The findings on which the app does not get what is written; the others: missing differs doubled unknown empty mode.
SERIOUS = ("unread", "broken")


class Finding(TypedDict):
    """One thing to know of a .env: its line (None: the whole file), the name that may be shown, its kind, in words."""

    line: Optional[int]
    name: str
    kind: str
    what: str


class Binding(NamedTuple):
    """One assignment, or a piece that dotenv cannot read. `start`: where it begins in the text; `line`: from 1; `name`:
    None where it is broken; `value`: as written, None without a =; `quote`: ', " or nothing; `head`: up to the value;
    `text`: as written, with its line's end; `blank`: before it; `cut`: the quoted value of a broken piece."""

    start: int
    line: int
    name: Optional[str]
    value: Optional[str]
    quote: str
    head: str
    text: str
    blank: str
    cut: Optional[str]

    @property
    def broken(self) -> bool:
        """Whether dotenv leaves it out."""
        return self.name is None


class Parsed(NamedTuple):
    """What begins at one place: its name ("" in a comment), its value, where the value and the whole end."""

    name: Optional[str]
    value: Optional[str]
    quote: str
    head: int
    end: int
    cut: Optional[str] = None


def bindings(text: str) -> Iterator[Binding]:
    """The assignments of a file's text, in order: comments and blank lines are left out."""
    position, line = 1 if text.startswith("\ufeff") else 0, 1
    while position < len(text):
        blank = taken(BLANK, text, position)
        position, line = position + len(blank), line + blank.count("\n")
        if position == len(text):
            return
        found = _parsed(text, position)
        written = text[position : found.end]
        if found.name != "":
            head = text[position : found.head]
            yield Binding(position, line, found.name, found.value, found.quote, head, written, blank, found.cut)
        position, line = found.end, line + written.count("\n")


def _parsed(text: str, start: int) -> Parsed:
    """What begins at `start`. Where it is broken, the rest of the line on which dotenv gave up belongs to it."""
    name, value, quote, head = "", None, "", start
    position = start + len(taken(EXPORT, text, start))
    if not text.startswith("#", position):
        key = KEY.match(text, position)
        if key is None:
            return _broken_off(text, start, position)
        name, position = key[1] or key[2], key.end()
    equal = EQUAL.match(text, position)
    if equal:
        head = position = equal.end()
        first = text[position : position + 1]
        if first in QUOTED:
            match = QUOTED[first][0].match(text, position)
            if match is None:
                return _broken_off(text, start, position)
            value, quote, position = unescaped(match[1], QUOTED[first][1]), first, match.end()
        elif first == "#" and len(equal[1]) > 1:
            value = ""
        else:
            plain = taken(PLAIN, text, position)
            value, position = without_comment(plain), position + len(plain)
    end = END.match(text, position)
    if end is None:
        return _broken_off(text, start, position, value)
    return Parsed(name, value, quote, head, end.end())


def _broken_off(text: str, start: int, position: int, cut: Optional[str] = None) -> Parsed:
    return Parsed(None, None, "", start, position + len(taken(REST, text, position)), cut)


def values(text: str, environment: Mapping[str, str]) -> Dict[str, Optional[str]]:
    """What the app gets, {name: value}, as load_dotenv() takes it where `environment` is set already; None for a name
    without a =."""
    return {binding.name: value for binding, value in expanded(text, environment) if binding.name is not None}


def expanded(text: str, environment: Mapping[str, str]) -> Iterator[Tuple[Binding, Optional[str]]]:
    """Each assignment with its value, in which ${NAME} stands no longer: `environment` comes first, then what the file
    has set so far."""
    known: Dict[str, Optional[str]] = {}
    for binding in bindings(text):
        if binding.name is None:
            continue
        value = binding.value
        if value is not None:
            value = VARIABLE.sub(lambda match: _variable(match[1], match[2], {**known, **environment}), value)
        known[binding.name] = value
        yield binding, value


def _variable(name: str, default: Optional[str], known: Mapping[str, Optional[str]]) -> str:
    return known.get(name, default or "") or ""


def every_value(text: str, environment: Mapping[str, str]) -> Iterator[Tuple[str, str]]:
    """(name, value) of all that may be secret in the text: what the app gets, what is written, and what dotenv leaves
    out or takes as a line of another value."""
    for binding in bindings(text):
        if binding.name is not None and binding.value is not None:
            yield binding.name, binding.value
        if binding.value is None or len(binding.text.splitlines()) > 1:
            yield from _loosely(binding)
    for binding, value in expanded(text, environment):  # also of a name that is set again
        if binding.name is not None and value is not None:
            yield binding.name, value


def _loosely(binding: Binding) -> Iterator[Tuple[str, str]]:
    """(name, value) of each line that looks like one; the value with its quotes and its comment, and without."""
    for line in re.split(r"[\r\n]", binding.text):
        match = LOOSE.match(line)
        if match is None:
            continue
        plain = match[2].rstrip()
        for value in {binding.cut or "", plain, without_comment(plain), _within_quotes(plain)}:
            yield match[1], value
            yield match[1], value.strip("'\"")


def _within_quotes(text: str) -> str:
    body, escape = QUOTED.get(text[:1], (None, None))
    match = body.match(text) if body else None
    return unescaped(match[1], escape) if match and escape else ""


def rewritten(text: str, change: Callable[[Binding, Optional[str]], Optional[str]]) -> str:
    """The text with other assignments in the place of some: `change` takes one with its expanded value and gives what
    stands there from now on, None for as it is. Comments behind a changed one go with it."""
    pieces, done = [], 0
    for binding, value in expanded(text, {}):
        new = change(binding, value)
        if new is not None:
            pieces += [text[done : binding.start], new]
            done = binding.start + len(binding.text.rstrip("\r\n"))
    return "".join([*pieces, text[done:]])


def single_quoted(value: str) -> str:
    """The value as it is written in single quotes."""
    return "'%s'" % re.sub(r"([\\'])", r"\\\1", value)


def without_comment(plain: str) -> str:
    """An unquoted value without the comment behind it."""
    return re.sub(r"\s+#.*", "", plain).rstrip()


def taken(pattern: Pattern[str], text: str, position: int) -> str:
    """What the pattern takes of the text from `position` on."""
    match = pattern.match(text, position)
    return match[0] if match else ""


def unescaped(body: str, escape: Pattern[str]) -> str:
    """A quoted body with its escapes taken off."""
    return escape.sub(lambda match: ESCAPES.get(match[0][1], match[0][1]), body)


def difference(binding: Binding) -> Optional[str]:
    """Why a shell (`. ./.env`) would not read this assignment as dotenv does; None where both read the same."""
    head = re.match(r"(export[^\S\n]+)?([^\s=]*)=(.*)\Z", binding.text, re.S)
    if binding.name is None or binding.value is None:
        return "has no = sign"
    if not SHELL_NAME.fullmatch(binding.name):
        return "a shell takes no such name"
    if head is None or head[2] != binding.name or re.match(r"[^\S\n]+\S", head[3]):
        return "has a space beside the = sign"
    if binding.name in SHELLS_OWN:
        return "the shell has its own use for this name"
    if re.search(r"[^ \t\n]", binding.blank) or not re.sub(r"[\t\n]", " ", head[3]).isprintable():
        return "holds a sign that cannot be printed"
    if binding.quote:
        return _quoted_difference(binding.quote, head[3])
    return _plain_difference(binding.value, head)


def _plain_difference(value: str, head: Match[str]) -> Optional[str]:
    if re.search(r"[$`]", value):
        return "a shell expands $ and `: use single quotes"
    if re.search(r"['\"]", value):
        return "has a quote within: quote the whole value"
    if re.search(r"\s", value):
        return "has a space: put the value in quotes"
    if "\\" in value:
        return "a shell drops the \\: use single quotes"
    if re.search(r"[;&|<>()]", value) or re.search(r"(?:^|[:=])~", value):
        return "a shell acts on ; & | < > ( ) ~: use quotes"
    if head[1] and re.search(r"[^\w./:@%+,=-]", value):
        return "after export, put such a value in quotes"
    return None if re.match(re.escape(value) + r"(?:[ \t]*|[ \t]+#[^\n]*)\n?\Z", head[3]) else "has an odd space"


def _quoted_difference(quote: str, written: str) -> Optional[str]:
    whole = taken(QUOTED[quote][0], written, 0)
    body, rest = whole[1:-1], written[len(whole) :]
    if re.match(r"#", rest):
        return "a # follows the quote without a space"
    if not re.match(r"[ \t]*(?:[ \t]#[^\n]*)?\n?\Z", rest):
        return "has an odd space after the quote"
    if quote == "'":
        if "${" in body:
            return "dotenv expands ${…}, a shell does not here"
        return "holds \\\\ or \\', which are read differently" if re.search(r"\\[\\']", body) else None
    if re.search(r"[$`]", body):
        return "a shell expands $ and `: use single quotes"
    return "holds a \\ that is read differently" if re.search(r"\\[^\\\"]", re.sub(r"\\[\\\"]", "", body)) else None


def findings(
    data: bytes, example: bytes = b"", given: Collection[str] = (), mode: Optional[int] = None
) -> List[Finding]:
    """What there is to know of the file `data`, by line. `example`: the bytes of .env.example; `given`: names that are
    set elsewhere; `mode`: the file's permissions."""
    wanted = _set_names(bindings(decoded(example) or ""))
    result, text = _of_file(data, mode), decoded(data)
    if text is not None and "\0" not in text:
        found = list(bindings(text))
        names = set(_set_names(found))
        result += _of_bindings(found, wanted, names | set(wanted) | set(given), set(wanted) | set(given))
        gone = [name for name in dict.fromkeys(wanted) if name not in names and name not in given]
        result += [finding(None, name, "missing", "is in .env.example, not here") for name in gone]
    return sorted(result, key=lambda row: (row["line"] is None, row["line"] or 0))


def _set_names(found: Iterable[Binding]) -> List[str]:
    return [each.name for each in found if each.name is not None and each.value is not None]


def finding(line: Optional[int], name: Optional[str], kind: str, what: str) -> Finding:
    """A finding; without a `name` that may be shown it says that one is hidden."""
    return {"line": line, "name": name or HIDDEN, "kind": kind, "what": what}


def _of_file(data: bytes, mode: Optional[int]) -> List[Finding]:
    result = []
    if decoded(data) is None:
        line = data[: _odd_byte(data)].count(b"\n") + 1
        result.append(finding(line, None, "unread", "is not UTF-8: dotenv fails on the whole file"))
    elif b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        result.append(finding(line, None, "unread", "holds a NUL: no variable can"))
    if data.startswith(b"\xef\xbb\xbf"):
        result.append(finding(1, None, "differs", "a byte order mark stands before it"))
    if b"\r" in data:
        line = data[: data.index(b"\r")].count(b"\n") + 1
        result.append(finding(line, None, "differs", "lines end in CR LF: a shell keeps the CR"))
    if mode is not None and mode & 0o077:
        result.append(finding(None, ".env", "mode", "others may read it (%03o): chmod 600 .env" % (mode & 0o777)))
    return result


def _odd_byte(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def decoded(data: bytes) -> Optional[str]:
    """The text as load_dotenv() opens it, or None where it is not UTF-8."""
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None


def _of_bindings(
    found: Iterable[Binding], wanted: Sequence[str], names: Collection[str], known: Collection[str]
) -> List[Finding]:
    """The findings of the assignments `found`. `names`: what is known to be a name; `known`: those expected here."""
    seen, result = set(), []
    for each in found:
        shown = each.name if each.name in known or _is_setting(each) else None
        broken = _broken(each, names)
        if broken:
            result.append(finding(each.line, shown if each.value is not None else None, "broken", broken))
        if each.name is None or each.value is None:
            continue
        why = None if broken else difference(each)
        if why:
            result.append(finding(each.line, shown, "differs", why))
        if each.name in seen:
            result.append(finding(each.line, shown, "doubled", "is set again: this one counts"))
        elif wanted and each.name not in known:
            result.append(finding(each.line, shown, "unknown", "is not in .env.example"))
        if each.value == "" and each.name in wanted:
            result.append(finding(each.line, shown, "empty", "is empty"))
        seen.add(each.name)
    return result


def _is_setting(found: Binding) -> bool:
    """True where the name cannot be a piece of a value: SOME_WORDS=, with a value that does not go on with = signs."""
    return bool(found.name and found.value and not found.value.startswith("=") and SETTING.match(found.name))


def _broken(found: Binding, names: Collection[str]) -> Optional[str]:
    """Why the app does not get what is written here, or None. `names`: those that are known to be names."""
    if found.broken and re.match(r"(?:export\s+)?[^\s=#]+[ \t]*=[ \t]*['\"]", found.text):
        return "a quote is not closed, or text follows it"
    if found.broken:
        return "cannot be read: dotenv leaves it out"
    if found.value is None:
        return "has no = sign: did the line above break?"
    if found.quote:
        inner = re.findall(r"\n[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=", found.value)
        return "its quote is not closed: it takes the next lines" if set(inner) & set(names) else None
    inner = [name for name in names if len(name) > 2 and name + "=" in found.value]
    if inner or SECOND_NAME.search(found.value):
        return "holds a second name and =: is a line break lost?"
    return None


def names(text: str) -> Tuple[List[str], int]:
    """(the names that the text sets, in order, the line of the first one that is none, 0 where all are). Nothing is
    taken from there on: what looks like a name there may be a piece of a secret."""
    found: List[str] = []
    for each in bindings(text):
        if each.name is None or not _is_name(each.name, each):
            return found, each.line
        found.append(each.name)
    return list(dict.fromkeys(found)), 0


def _is_name(name: str, found: Binding) -> bool:
    if found.value is None or found.value.startswith("=") or not SHELL_NAME.fullmatch(name):
        return False
    return bool(found.value or found.quote or WITHOUT_VALUE.fullmatch(name))


def read(path: str) -> Optional[bytes]:
    """The file's bytes; None where there is no such file, or a folder. Raises OSError."""
    if os.path.isdir(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
