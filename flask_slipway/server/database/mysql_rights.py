"""What a MySQL or MariaDB user may put back of what a schema has beside tables, told by its grants and the server."""

from __future__ import annotations

import re
from typing import Callable, Iterable, List, Set

Rows = Callable[[str], List[List[str]]]  # runs a statement

NEEDED = {
    "table": "CREATE",
    "sequence": "CREATE",
    "view": "CREATE VIEW",
    "trigger": "TRIGGER",
    "routine": "CREATE ROUTINE",
    "event": "EVENT",
}
TRUSTED = {"SUPER", "BINLOG ADMIN", "ALL PRIVILEGES"}  # each of them, on *.*, may make triggers whatever is logged


def granted(grants: Iterable[str], database: str, everywhere: bool = False) -> Set[str] | None:
    """The rights that lines of SHOW GRANTS give on `database`, or those that they give `everywhere`. None where they do
    not tell, as there is a role."""
    rights: Set[str] = set()
    for grant in grants:
        match = re.match(r"GRANT (.*?) ON (.+?)\.\* TO ", grant)
        if match and (match.group(2) == "*" or (not everywhere and covers(match.group(2), database))):
            rights.update(right.strip() for right in match.group(1).split(","))
        elif re.match(r"GRANT [`'\w].*? TO ", grant) and " ON " not in grant:
            return None
    return rights


def covers(pattern: str, database: str) -> bool:
    """Whether a grant ON `pattern` is one on `database`."""
    if pattern == "*":
        return True
    plain = pattern.strip("`").replace("``", "`")
    parts = re.split(r"(\\.|%|_)", plain)
    expression = "".join(
        {"%": ".*", "_": "."}.get(part, re.escape(part.lstrip("\\") if len(part) == 2 else part)) for part in parts
    )
    return re.fullmatch(expression, database, re.S) is not None


def blockers(rows: Rows, database: str, defined: Iterable[str]) -> List[str]:
    """Why the user cannot make what is `defined` ("view v", "routine FUNCTION f") in `database`, as texts."""
    grants = [row[0] for row in rows("SHOW GRANTS")]
    rights, global_rights = granted(grants, database), granted(grants, database, everywhere=True)
    texts = []
    logs, trusts = rows("SELECT @@log_bin, @@log_bin_trust_function_creators")[0]
    watched = logs == "1" and trusts != "1" and global_rights is not None and not global_rights & TRUSTED
    for what in defined:
        right = NEEDED[what.split()[0]]
        if rights is not None and not rights & {right, "ALL PRIVILEGES"}:
            texts.append("%s: your database user has no right %s" % (what, right))
        elif watched and what.startswith(("trigger ", "routine FUNCTION ")):
            texts.append("%s: the server logs binary and lets no user of yours make it (1419)" % what)
    if rights is not None and not rights & {"TRIGGER", "ALL PRIVILEGES"}:
        texts.append("your database user has no right TRIGGER, so that triggers could be lost unseen")
    return texts


def references(rows: Rows) -> List[str]:
    """The tables of other databases with a foreign key into this one: a restore would leave each with the old rows."""
    found = rows(
        "SELECT DISTINCT constraint_schema, table_name FROM information_schema.referential_constraints "
        "WHERE unique_constraint_schema = DATABASE() AND constraint_schema <> DATABASE() ORDER BY 1, 2"
    )
    return ["table %s.%s has a foreign key into this database: it would stay on the old rows" % tuple(r) for r in found]


def of_others(rows: Rows, left_out: Iterable[str]) -> List[str]:
    """What runs with another user's rights and would run with this one's once it was put back, as texts; `left_out`:
    what is never put back ("routine FUNCTION f")."""
    stays = {what.replace("routine ", "").lower() for what in left_out}
    found = rows(
        "SELECT CONCAT('trigger ', trigger_name), definer FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE() AND definer <> CURRENT_USER() UNION ALL "
        "SELECT CONCAT(LOWER(routine_type), ' ', routine_name), definer FROM information_schema.routines "
        "WHERE routine_schema = DATABASE() AND definer <> CURRENT_USER() AND security_type = 'DEFINER' UNION ALL "
        "SELECT CONCAT('event ', event_name), definer FROM information_schema.events "
        "WHERE event_schema = DATABASE() AND definer <> CURRENT_USER() ORDER BY 1"
    )
    words = "%s is %s's: put back, it would run with your database user's rights"
    return [words % (what, who) for what, who in found if what.lower() not in stays]
