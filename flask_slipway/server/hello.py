"""The first words on the server: sent as the text of `python3 -I -c`. Greets with a nonce, takes the engine's zip if it
is not held yet, checks it, has this Python compile it once, and hands the request over."""

import hashlib
import json
import os
import sys

NONCE = os.urandom(12).hex()
terminal = None
if os.isatty(0):
    import termios
    import tty

    terminal = termios.tcgetattr(0)
    tty.setraw(0)


def say(event: dict) -> None:
    os.write(1, ("%s %s\n" % (NONCE, json.dumps(event))).encode())


def block() -> bytes:
    head = b""
    while not head.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit()
        head += byte
    data = b""
    while len(data) < int(head):
        more = os.read(0, int(head) - len(data))
        if not more:
            sys.exit()
        data += more
    return data


os.write(1, ("\nslipway-hello %s %d.%d\n" % (NONCE, *sys.version_info[:2])).encode())
head = json.loads(block().decode())
request = block()
digest = head["engine"]
if not os.path.isdir(head["home"]):
    say({"event": "no home", "home": head["home"]})
    sys.exit()
folder = os.path.join(head["home"], ".slipway", "engine")
path = os.path.join(folder, digest + ".zip")
ready = os.path.join(folder, "%s.%s.zip" % (digest, sys.implementation.cache_tag))


def good(path: str, digest: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == digest
    except OSError:
        return False


def is_ready() -> bool:
    try:
        with open(ready + ".sha256") as file:
            return good(ready, file.read())
    except (OSError, ValueError):
        return False


def keep(data: bytes) -> None:
    login = os.umask(0o077)  # what is kept is the account's alone; what git, pip and the app write is as ever
    part = "%s.part-%s" % (path, NONCE)  # of this contact: another may bring the same at the same time
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, path)
        for name in os.listdir(folder):  # of contacts that were cut off; one under way finds the whole in place
            if name.startswith(os.path.basename(path) + ".part"):
                os.unlink(os.path.join(folder, name))
    except OSError:
        if os.path.exists(part):
            os.unlink(part)
        if not good(path, digest):
            raise
    finally:
        os.umask(login)


sys.dont_write_bytecode = True
if is_ready():
    path = ready
elif not good(path, digest):
    say({"event": "need"})
    data = block()
    try:
        keep(data)
    except OSError as error:
        say({"event": "not kept", "folder": folder, "why": error.strerror})
        sys.exit()
    if not good(path, digest):
        say({"event": "damaged"})
        sys.exit()
sys.path.insert(0, path)
if path != ready:
    from slipway_server.channel import zipcache

    zipcache.keep(path, ready)
from slipway_server.main import main  # noqa: E402

main(NONCE, request, terminal)
