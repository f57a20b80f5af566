"""Which database it is: in words, and whether two ways lead to the same one."""


def place(base):
    """A database in a few words: mysql bob$site on host."""
    return "%s %s%s" % (
        base.dialect,
        getattr(base, "path", None) or base.name,
        " on %s" % base.host if base.host else "",
    )


def same(one, other):
    """True where both lead to the same database."""
    return one.identity() == other.identity()
