"""The lines of a dump, as mysqldump of MySQL and MariaDB writes them: which part each belongs to, and what in them
holds only for the place they come from. Texts of rows and bodies are never looked at: outside of them lines begin in
known ways, and bodies lie between DELIMITER ;; and DELIMITER ;"""

from __future__ import annotations

import re
from typing import Callable, Container, Dict, Iterable, Iterator, List, Tuple

HEAD, TABLE, DEFINED, EVENT = "head", "table", "defined", "event"  # DEFINED: views, triggers, routines, sequences
LEFT = "left"  # what is to stay as it is where the dump is loaded
Line = Tuple[str, bytes]  # its part, and it

SECTIONS = (
    (re.compile(rb"-- (?:Table structure|Dumping data) for table "), TABLE),
    (re.compile(rb"-- (?:Temporary (?:table|view)|Final view) structure for view "), DEFINED),
    (re.compile(rb"-- (?:Sequence structure for|Dumping routines for database) "), DEFINED),
    (re.compile(rb"-- Dumping events for database "), EVENT),
)
# How the lines around triggers begin.
OF_TRIGGERS = (b"/*!50003 ", b"/*!50032 ", b"ALTER DATABASE ", b"DELIMITER ;")
IDENTIFIER = rb"`(?:[^`]|``)*`"
DEFINER = re.compile(
    rb"(/\*!50013|/\*!\d+ CREATE\*/ /\*!\d+|CREATE(?: OR REPLACE)?) DEFINER=(%s(?:@%s)?)" % (IDENTIFIER, IDENTIFIER)
)
NAMES = (
    (re.compile(rb"-- (?:Temporary (?:table|view)|Final view) structure for (view) (%s)" % IDENTIFIER), "view %s"),
    (re.compile(rb"/\*!50106 DROP (EVENT) IF EXISTS (%s)" % IDENTIFIER), "event %s"),
    (re.compile(rb"/\*!50003 DROP (PROCEDURE) IF EXISTS (%s)" % IDENTIFIER), "routine PROCEDURE %s"),
    (re.compile(rb"/\*!50003 DROP (FUNCTION) IF EXISTS (%s)" % IDENTIFIER), "routine FUNCTION %s"),
)
MODE, TAKING_ALL = b" SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", b" SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
DATABASE = re.compile(rb"ALTER DATABASE %s " % IDENTIFIER)
NAMED = re.compile(
    rb"(DROP TABLE IF EXISTS|CREATE TABLE|LOCK TABLES|/\*!40000 ALTER TABLE|INSERT INTO) (%s)" % IDENTIFIER
)


def parts(lines: Iterable[bytes], user: bytes | None = None, leave: Container[str] = ()) -> Iterator[Line]:
    """Each line with its part. With `user` (as SQL), who is to load them: another DEFINER is taken out, so that it
    becomes that user; and ALTER DATABASE names no database, so that it is the one that is loaded into.
    What is named in `leave` ("view v") is LEFT."""
    part, named = HEAD, ""
    inside = first = False
    for line in lines:
        if inside:
            if line.startswith(b"DELIMITER ;") and not line.startswith(b"DELIMITER ;;"):
                inside = False
            elif first:
                line = _own(line, user)
            first = line.rstrip().endswith(b";;")
        else:
            if line.startswith(b"-- "):
                part = next((kind for begins, kind in SECTIONS if begins.match(line)), part)
                named = _named(line)
            elif line.startswith(b"/*!") and b" IF EXISTS `" in line:
                named = _named(line) or named
            elif line.startswith((b"/*!50013 ", b"ALTER DATABASE ")):
                line = _own(line, user)
            elif part == HEAD and user is not None:  # a date that is none, such as 30 February, is a value all the same
                line = line.replace(MODE, TAKING_ALL)
            inside = first = line.startswith(b"DELIMITER ;;")
        if named in leave:
            yield LEFT, line
        elif part == TABLE and (inside or line.startswith(OF_TRIGGERS)):
            yield DEFINED, line
        else:
            yield part, line


def _named(line: bytes) -> str:
    """What is defined from this line on ("view v"), "" where it does not say."""
    matches = ((begins.match(line), words) for begins, words in NAMES)
    return next((words % plain(match.group(2)) for match, words in matches if match), "")


def _own(line: bytes, user: bytes | None) -> bytes:
    """The first line of a statement, without what holds elsewhere only."""
    if user is None:
        return line
    match = DEFINER.match(line)
    if match and match.group(2) != user:
        return match.group(1) + line[match.end() :]
    return DATABASE.sub(b"ALTER DATABASE ", line, count=1) if line.startswith(b"ALTER DATABASE ") else line


def created(line: bytes) -> str | None:
    """The table whose CREATE TABLE begins with this line."""
    match = NAMED.match(line) if line.startswith(b"CREATE TABLE ") else None
    return plain(match.group(2)) if match else None


def plain(identifier: bytes) -> str:
    """The name that stands in back-ticks."""
    return identifier[1:-1].decode("utf-8", "replace").replace("``", "`")


class Renamed:
    """The tables of a dump under other names. `name` gives a table's other name. What a schema can have but once, the
    names of foreign keys and checks, is taken out: `constraints` holds it afterwards, {table: clauses}."""

    def __init__(self, name: Callable[[str], bytes]) -> None:
        self.name = name
        self.constraints: Dict[str, List[str]] = {}

    def lines(self, dump: Iterable[Line]) -> Iterator[bytes]:
        """The lines of the dump's tables alone."""
        statement: List[bytes] = []
        for part, line in dump:
            if part not in (HEAD, TABLE):
                continue
            if line.startswith(b"CREATE TABLE ") or statement:
                statement.append(line)
                if line.endswith(b";\n"):
                    yield from self._unbound(statement)
                    statement = []
            else:
                yield self._renamed(line)

    def _renamed(self, line: bytes) -> bytes:
        match = NAMED.match(line)
        if match is None:
            return line
        return b"%s %s%s" % (match.group(1), self.name(plain(match.group(2))), line[match.end() :])

    def _unbound(self, statement: List[bytes]) -> List[bytes]:
        """A CREATE TABLE without its constraints."""
        table = created(statement[0])
        bound = [line for line in statement if line.startswith(b"  CONSTRAINT `")]
        kept = [line for line in statement if line not in bound]
        if table is not None and bound:
            self.constraints[table] = [line.decode().strip().rstrip(",") for line in bound]
            last = next(number for number, line in enumerate(kept) if line.startswith(b")")) - 1
            kept[last] = kept[last].rstrip().rstrip(b",") + b"\n"
        return [self._renamed(kept[0]), *kept[1:]]
