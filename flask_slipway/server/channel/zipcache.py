"""The server's half once more, beside what this Python makes of it: so that no later command has to compile it again.

Each module is there with and without: another Python, such as the virtualenv's, takes the source. A .pyc is laid out by
PEP 552, as one that is not compared with its source: the two never part. It is stored as it is: to inflate it would
cost each start of the server's half a tenth of its time."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import marshal
import zipfile

from ..lib import files

UNCHECKED = (1).to_bytes(4, "little")


def keep(source: str, target: str) -> None:
    """Writes the zip `target` from the zip `source`, and its sha256 beside; where there is no room, it stays away."""
    with contextlib.suppress(OSError):
        data = compiled(source, target)
        files.write(target, data)
        files.write(target + ".sha256", hashlib.sha256(data).hexdigest().encode())


def compiled(source: str, target: str) -> bytes:
    """The bytes of the zip `source` with a .pyc to each module; tracebacks will name `target`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
            if name.endswith(".py"):
                code = compile(text, "%s/%s" % (target, name), "exec", dont_inherit=True)
                head = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(text)
                new.writestr(zipfile.ZipInfo(name + "c"), head + marshal.dumps(code), zipfile.ZIP_STORED)
    return buffer.getvalue()
