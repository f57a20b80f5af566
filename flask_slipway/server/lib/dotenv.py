"""A .env file: what python-dotenv takes from it, and where a shell would read it otherwise. Its findings never
tell a value.

The grammar is python-dotenv's own (its parser.py, version 1.2), read as load_dotenv() does: UTF-8, any line ends.
Run as a program, it prints the findings of a .env against a .env.example:  python dotenv.py .env .env.example,
the names alone:  python dotenv.py .env,  or the value of one name:  python dotenv.py --value FLASK_APP .env"""

import json
import os
import re
import stat
import sys

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


class Binding:
    """One assignment: `line`, where it begins (from 1); `name`, None in comments and broken lines; `value`, None
    without a =; `broken`: dotenv leaves it out; `quote`: ', " or nothing; `text`: as written; `blank`: before it."""

    def __init__(self, line, name, value, quote, text, blank):
        self.line, self.name, self.value, self.quote = line, name, value, quote
        self.text, self.blank = text, blank
        self.broken = name is None


def bindings(text):
    """The assignments of a file's text, newlines as \\n, in order: comments and blank lines are left out."""
    text = text[1:] if text.startswith("\ufeff") else text
    position, line = 0, 1
    while position < len(text):
        blank = taken(BLANK, text, position)
        position, line = position + len(blank), line + blank.count("\n")
        if position == len(text):
            return
        name, value, quote, end = _binding(text, position)
        written = text[position:end]
        if name != "":
            yield Binding(line, name, value, quote, written, blank)
        position, line = end, line + written.count("\n")


def _binding(text, position):
    """(name, value, quote, where it ends) of what begins at `position`. The name is "" in a comment, None where it is
    broken: then the rest of the line on which dotenv gave up belongs to it. The value is None without a =."""
    name, value, quote = "", None, ""
    position += len(taken(EXPORT, text, position))
    if not text.startswith("#", position):
        key = KEY.match(text, position)
        if key is None:
            return None, None, "", position + len(taken(REST, text, position))
        name, position = key[1] or key[2], key.end()
    equal = EQUAL.match(text, position)
    if equal:
        position = equal.end()
        first = text[position : position + 1]
        if first in QUOTED:
            match = QUOTED[first][0].match(text, position)
            if match is None:
                return None, None, "", position + len(taken(REST, text, position))
            value, quote, position = unescaped(match[1], QUOTED[first][1]), first, match.end()
        elif first == "#" and len(equal[1]) > 1:
            value = ""
        else:
            plain = taken(PLAIN, text, position)
            value, position = re.sub(r"\s+#.*", "", plain).rstrip(), position + len(plain)
    end = END.match(text, position)
    if end is None:
        return None, None, "", position + len(taken(REST, text, position))
    return name, value, quote, end.end()


def taken(pattern, text, position):
    """What the pattern takes of the text from `position` on."""
    match = pattern.match(text, position)
    return match[0] if match else ""


def unescaped(body, escape):
    """A quoted body with its escapes taken off."""
    return escape.sub(lambda match: ESCAPES.get(match[0][1], match[0][1]), body)


def difference(binding):
    """Why a shell (`. ./.env`) would not read this assignment as dotenv does; None where both read the same."""
    head = re.match(r"(export[^\S\n]+)?([^\s=]*)=(.*)\Z", binding.text, re.S)
    if binding.value is None:
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


def _plain_difference(value, head):
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


def _quoted_difference(quote, written):
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


def findings(data, example=b"", given=(), mode=None):
    """What there is to know of the file `data` (bytes), by line: [{"line", "name", "what", "kind"}]. `example`: the
    bytes of .env.example; `given`: names that are set elsewhere; `mode`: the file's permissions."""
    wanted = [found.name for found in bindings(_text(example) or "") if found.value is not None]
    told, text = _of_file(data, mode), _text(data)
    if text is not None and "\0" not in text:
        found = list(bindings(text))
        names = {each.name for each in found if each.value is not None}
        told += _of_bindings(found, wanted, names | set(wanted) | set(given), set(wanted) | set(given))
        gone = [name for name in dict.fromkeys(wanted) if name not in names and name not in given]
        told += [_finding(None, name, "missing", "is in .env.example, not here") for name in gone]
    return sorted(told, key=lambda row: (row["line"] is None, row["line"] or 0))


def _finding(line, name, kind, what):
    return {"line": line, "name": name or HIDDEN, "kind": kind, "what": what}


def _of_file(data, mode):
    told = []
    if _text(data) is None:
        line = data[: _odd_byte(data)].count(b"\n") + 1
        told.append(_finding(line, None, "unread", "is not UTF-8: dotenv fails on the whole file"))
    elif b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        told.append(_finding(line, None, "unread", "holds a NUL: no variable can"))
    if data.startswith(b"\xef\xbb\xbf"):
        told.append(_finding(1, None, "differs", "a byte order mark stands before it"))
    if b"\r" in data:
        line = data[: data.index(b"\r")].count(b"\n") + 1
        told.append(_finding(line, None, "differs", "lines end in CR LF: a shell keeps the CR"))
    if mode is not None and mode & 0o077:
        told.append(_finding(None, ".env", "mode", "others may read it (%03o): chmod 600 .env" % (mode & 0o777)))
    return told


def _odd_byte(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def _text(data):
    """The text as load_dotenv() opens it, or None where it is not UTF-8."""
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None


def _of_bindings(found, wanted, names, known):
    """The findings of the assignments `found`. `names`: all that are known to be names; `known`: those not told."""
    seen, told = set(), []
    for each in found:
        shown = each.name if each.name in known or _is_setting(each) else None
        broken = _broken(each, names)
        if broken:
            told.append(_finding(each.line, shown if each.value is not None else None, "broken", broken))
        if each.value is None:
            continue
        why = None if broken else difference(each)
        if why:
            told.append(_finding(each.line, shown, "differs", why))
        if each.name in seen:
            told.append(_finding(each.line, shown, "doubled", "is set again: this one counts"))
        elif wanted and each.name not in known:
            told.append(_finding(each.line, shown, "unknown", "is not in .env.example"))
        if each.value == "" and each.name in wanted:
            told.append(_finding(each.line, shown, "empty", "is empty"))
        seen.add(each.name)
    return told


def _is_setting(found):
    """True where the name cannot be a piece of a value: SOME_WORDS=, with a value that does not go on with = signs."""
    return bool(found.value and not found.value.startswith("=") and SETTING.match(found.name))


def _broken(found, names):
    """Why the app does not get what is written here, or None. `names`: those that are known to be names."""
    if found.broken and re.match(r"(?:export\s+)?[^\s=#]+[ \t]*=[ \t]*['\"]", found.text):
        return "a quote is not closed, or text follows it"
    if found.broken:
        return "cannot be read: dotenv leaves it out"
    if found.value is None:
        return "has no = sign: did the line above break?"
    if found.quote:
        inner = re.findall(r"\n[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=", found.value)
        return "its quote is not closed: it takes the next lines" if names & set(inner) else None
    inner = [name for name in names if len(name) > 2 and name + "=" in found.value]
    if inner or SECOND_NAME.search(found.value):
        return "holds a second name and =: is a line break lost?"
    return None


def names(text):
    """(the names that the text sets, in order, the line of the first one that is none, 0 where all are). Nothing is
    taken from there on: what looks like a name there may be a piece of a secret."""
    found: list = []
    for each in bindings(text):
        if not _is_name(each):
            return found, each.line
        found.append(each.name)
    return list(dict.fromkeys(found)), 0


def _is_name(found):
    if found.value is None or found.value.startswith("=") or not SHELL_NAME.fullmatch(found.name):
        return False
    return bool(found.value or found.quote or WITHOUT_VALUE.fullmatch(found.name))


def main(arguments):
    """Prints as JSON the findings of a .env against a .env.example, or, of one file alone, its names; null where the
    first is not there. With --value NAME before a file: the value of that name, null where there is none."""
    if arguments[0] == "--value":
        print(json.dumps(_value(arguments[1], arguments[2])))
        return
    read, unread = [], []
    for path in arguments:
        try:
            read.append(_read(path))
        except OSError as error:
            what = "cannot be read: %s" % (error.strerror or "no reason is told")
            unread.append(_finding(None, os.path.basename(path), "unread", what))
    print(json.dumps(_told(arguments, read) if not unread else unread if len(arguments) > 1 else None))


def _value(name, path):
    try:
        text = _text(_read(path) or b"") or ""
    except OSError:
        return None
    return {each.name: each.value for each in bindings(text)}.get(name)


def _told(paths, read):
    """What is printed of the bytes that were read of `paths`."""
    if read[0] is None:
        return None
    if len(read) == 1:
        text = _text(read[0])
        return ([], 1) if text is None else names(text)
    mode = stat.S_IMODE(os.stat(paths[0]).st_mode) if os.name == "posix" else None
    return findings(read[0], read[1] or b"", (), mode)


def _read(path):
    """The file's bytes; None where there is no such file, or a folder. Raises OSError."""
    if os.path.isdir(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
