"""Numbers as a person reads them."""


def count(number, noun):
    """The number with its noun: 1 row, 2 rows, 1,200 rows."""
    return "{:,} {}{}".format(number, noun, "" if number == 1 else "s")


def size(number):
    """Bytes: 4.1 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return "%.1f %s" % (number / factor, unit)
    return "%d B" % number
