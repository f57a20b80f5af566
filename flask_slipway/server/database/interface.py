"""What every database of a site offers, whichever it is. Every method raises DatabaseError where the database does not
answer, or refuses."""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Protocol

Counts = Dict[str, int]  # {table: rows}
Columns = Dict[str, Dict[str, str]]  # {table: {column: type}}
Contents = Dict[str, str]  # {table: a digest of its rows}
Definitions = Dict[str, str]  # {"table users", "view totals", …: its definition}


class Dumped(NamedTuple):
    """A dump: {table: rows}; what is not in it ("view v"); why it cannot be loaded, as texts."""

    rows: Counts
    left_out: List[str]
    blockers: List[str]


class DumpTarget(Protocol):
    """What a dump is written into."""

    def write(self, data: bytes, /) -> object: ...

    def seek_to_start(self) -> None:
        """Forgets what was written so far."""


class Database(Protocol):
    """A site's database. `location`: its name, or the path of its file; `host`: "" where it has none; `fence_kind`:
    "database" or "sqlite" where it can refuse all writes, "watched" where its connections are only looked at."""

    name: str
    host: str

    @property
    def dialect(self) -> str: ...

    @property
    def fence_kind(self) -> str: ...

    @property
    def location(self) -> str: ...

    @property
    def version(self) -> str: ...

    def identity(self) -> list[str]:
        """What proves that two ways lead to the same database."""
        ...

    def tables(self) -> list[str]:
        """The names of the tables, sorted."""
        ...

    def revisions(self) -> list[str]:
        """The rows of alembic_version, sorted; [] where there is no such table."""
        ...

    def counts(self) -> Counts:
        """{table: rows}, seen at one moment."""
        ...

    def contents(self) -> Contents:
        """{table: a digest of its rows}: equal where each value of each row is equal, whatever the order; also between
        a table and the one it was loaded from, on one server. It reads every row."""
        ...

    def definitions(self) -> Definitions:
        """{what: its definition} of all that the schema has, without what counts on by itself (AUTO_INCREMENT)."""
        ...

    def columns(self) -> Columns:
        """{table: {column: type}}, the types as the database describes them: what two schemas are compared by."""
        ...

    def size(self) -> int:
        """Bytes that the database takes."""
        ...

    def count_values(self, table: str, column: str | None = None) -> int:
        """How many rows of `table`, or how many of its rows whose `column` is neither NULL, empty nor the default."""
        ...

    def count_longer(self, table: str, column: str, length: int) -> int:
        """How many rows of `table` have a text of more than `length` characters in `column`."""
        ...

    def restore_blockers(self, definitions: Iterable[str] | None = None) -> list[str]:
        """What of the database this user could not make again from a backup, as texts; or of `definitions`."""
        ...

    def backup_notes(self) -> list[str]:
        """What a person should know of a backup of the database, as texts."""
        ...

    def can_create(self) -> bool:
        """Whether a scratch database can be made."""
        ...

    def written_files(self) -> list[str]:
        """The files and folders of its own that this account must be able to write; [] where a server has them."""
        ...

    def other_connections(self) -> list[int]:
        """Who else uses the database: the ids of connections, or of processes."""
        ...

    def unseen(self) -> str:
        """Who may use the database and is not among `other_connections`, in words; "" where it sees all."""
        ...

    def kill(self, ids: Iterable[int]) -> None:
        """Ends connections, and waits until they are gone."""

    def prepare_lock(self) -> None:
        """Begins the connection that `hold_lock` needs: it comes up while something else is looked at."""

    def hold_lock(self) -> bool:
        """Takes the database's own lock, which lasts as long as this process's connection; False where it is held."""
        ...

    def close(self) -> None:
        """Ends this process's connections."""

    def fence_up(self) -> None:
        """From here on the database refuses writes; returns when nobody writes any more."""

    def refuse_writes(self) -> None:
        """The fence once more, for a site whose processes are gone already: no other connection is waited for."""

    def fence_down(self) -> None:
        """Writes are let in again; nothing to do where there is no fence."""

    def fence_is_up(self) -> bool: ...

    def dump(self, target: DumpTarget, aside: str) -> Dumped:
        """Writes the whole database to `target`. `aside`: a path for a file that may be needed meanwhile."""
        ...

    def drop(self, database: str) -> None:
        """Drops a scratch database; nothing to do where there is none."""
