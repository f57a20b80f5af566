"""What the suite keeps there: backups, the open run, the history; and words that fit nothing of it."""

from __future__ import annotations

import json

from .table import RELEASE, STATUS, away, fab, holding, wrong


def newest_backup(world):
    return max((world.state / "backups" / world.site.domain).glob("*.json"))


def manifest(world, **more):
    path = newest_backup(world)
    return holding(path, json.dumps({**json.loads(path.read_text()), **more}))


def dump(world):
    path = newest_backup(world)
    return path.with_name(json.loads(path.read_text())["file"])


RESTORE = fab("restore", "--yes")


@wrong(RESTORE, 3, "is damaged", "Next: fab site.backups")
def backup_is_damaged(world):
    data = dump(world).read_bytes()
    return holding(dump(world), data[:100] + bytes([data[100] ^ 1]) + data[101:])


@wrong(RESTORE, 3, "its end is missing", "Next: fab site.backups")
def backup_is_cut_off(world):
    return holding(dump(world), dump(world).read_bytes()[:-50])


@wrong(RESTORE, 3, "is of www.example.org", "Next: fab site.backups")
def backup_is_of_another_site(world):
    return manifest(world, domain="www.example.org")


@wrong(RESTORE, 3, "is of mysql", "Next: fab site.backups")
def backup_is_of_another_kind_of_database(world):
    return manifest(world, dialect="mysql")


@wrong(RESTORE, 3, "its manifest is damaged", "Next: fab site.backups")
def manifest_is_broken(world):
    return holding(newest_backup(world), "{ not json")


@wrong(RESTORE, 3, "its manifest is damaged", "Next: fab site.backups")
def manifest_lacks_words(world):
    return holding(newest_backup(world), '{"id": "x"}')


@wrong(RESTORE, 3, "no backup is known that fits its code", "Next: fab site.backups")
@wrong(fab("backups"), 0, "its manifest is not there")
def manifest_is_missing(world):
    return away(newest_backup(world))


@wrong(RESTORE, 3, "its file", "is not there", "Next: fab site.backups")
def backup_file_is_missing(world):
    return away(dump(world))


@wrong(fab("restore", "--yes", "--backup", "20261120T180312Z"), 3, "no backup", "; there ", "fab site.backups")
@wrong(fab("downgrade", "--yes", "--to", "8a1c5e30"), 3, "below d0641f33", "Next: fab site.downgrade --to 8a1c5e20")
@wrong(fab("downgrade", "--yes", "--to", "nonsense"), 3, "below it: 8a1c5e20 add posted", "Next: fab site.downgrade")
@wrong(fab("logs", "--which", "errors"), 3, "access, error, server", "Next: fab site.logs --which error")
@wrong(fab("rollback", "--yes"), 3, "the database was empty, so there is nothing to go back to", "Next: inv release")
@wrong(fab("open"), 0, "open already")
@wrong(fab("upgrade", "--yes"), 0, "the head of the live code")
@wrong(fab("recover", "--yes"), 0, "Nothing was interrupted")
def nothing_but_the_word(world):
    """What is typed is the mistake itself."""
    yield


@wrong(STATUS, 3, "open_run is damaged", "Next:")
@wrong(RELEASE, 3, "open_run is damaged", "Next:")
@wrong(fab("recover", "--yes"), 3, "open_run is damaged", "Next:")
def open_run_is_broken(world):
    return holding(world.site_folder / "open_run", "{ not json")


@wrong(STATUS, 0, "last change   none")
@wrong(fab("history"), 0, "none")
@wrong(fab("rollback", "--yes"), 3, "in the history", "Next: fab site.downgrade")
def history_is_broken(world):
    return holding(world.site_folder / "history.jsonl", "{ not json\n[1]\n\x00\xff\n")
