"""The server's half stands alone: the standard library, Python 3.8, nothing of the rest."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flask_slipway.server.channel import zipcache
from flask_slipway.ssh import engine

SERVER = engine.SERVER
MODULES = sorted(SERVER.rglob("*.py"))
# What runs inside the app may use what the app has, from within its functions.
IN_THE_APP = SERVER / "inside"
THE_APPS = {"flask", "alembic", "sqlalchemy"}
NEWER = {"tomllib", "graphlib", "zoneinfo"}  # than Python 3.8


def oldest_python():
    """A Python 3.8: on PATH, or one of pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in [shutil.which("python3.8"), *sorted(root.glob("versions/3.8*/bin/python"))]:
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return str(found)
    return None


@pytest.fixture(scope="module")
def python38():
    found = oldest_python()
    if found is None:
        pytest.skip("there is no Python 3.8 here: pyenv install 3.8")
    return found


def imports(path):
    """[(top module, level, whether it is in a function, or for types alone)] of all imports in a file."""
    tree = ast.parse(path.read_text())
    inner = {
        node
        for block in ast.walk(tree)
        if isinstance(block, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING")
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name.split(".")[0], 0, node in inner) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.level, node in inner


def test_there_is_something_to_look_at():
    assert len(MODULES) > 20 and SERVER / "inside" / "main.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SERVER).as_posix())
def test_a_module_imports_the_standard_library_and_its_own_half_alone(path):
    for name, level, lazy in imports(path):
        if level:
            assert level <= len(path.relative_to(SERVER).parts), f"{path.name} imports {'.' * level}{name}"
        elif name in THE_APPS:
            there = path.parent == IN_THE_APP or path.name == "wall.py"  # which a sandbox's web processes load
            assert there and lazy, f"{path.name} imports {name}, not lazily"
        elif path.name == "hello.py" and name == "slipway_server":
            continue  # the name of the zip's package
        else:
            assert name in sys.stdlib_module_names - NEWER, f"{path.name} imports {name}"


def test_it_compiles_under_the_oldest_python(python38):
    code = (
        "import sys\n"
        "for path in sys.argv[1:]:\n"
        "    with open(path, encoding='utf-8') as file:\n"
        "        compile(file.read(), path, 'exec')\n"
    )
    subprocess.run([python38, "-I", "-W", "error", "-c", code, *map(str, MODULES)], check=True)


@pytest.mark.parametrize("kind", ["as it is sent", "compiled by this Python"])
@pytest.mark.parametrize("how", ["oldest", "this"])
def test_every_module_imports_from_the_zip_without_any_package(tmp_path, request, how, kind):
    """As on the server: isolated, no site-packages, out of the very zip that is sent, or of what was made of it."""
    python = request.getfixturevalue("python38") if how == "oldest" else sys.executable
    data, _ = engine.engine()
    (tmp_path / "engine.zip").write_bytes(data)
    if kind != "as it is sent":
        (tmp_path / "engine.zip").write_bytes(zipcache.compiled(str(tmp_path / "engine.zip"), "ready.zip"))
    inner = [path.relative_to(SERVER).with_suffix("") for path in MODULES if path.stem not in ("hello", "__init__")]
    names = [".".join(path.parts) for path in inner]
    if kind != "as it is sent" and how == "this":  # then no source is needed
        with zipfile.ZipFile(tmp_path / "engine.zip") as old, zipfile.ZipFile(tmp_path / "bare.zip", "w") as new:
            for name in old.namelist():
                if not name.endswith(".py"):
                    new.writestr(name, old.read(name))
        os.replace(tmp_path / "bare.zip", tmp_path / "engine.zip")
    code = "import sys, importlib\nsys.path.insert(0, sys.argv[1])\n"
    code += "for name in sys.argv[2:]: importlib.import_module('slipway_server.' + name)\n"
    code += "assert not {'flask', 'sqlalchemy', 'alembic', 'invoke', 'flask_slipway'} & set(sys.modules)\n"
    subprocess.run([python, "-I", "-S", "-B", "-c", code, str(tmp_path / "engine.zip"), *names], check=True)


def test_the_zip_holds_the_gate_and_nothing_but_the_servers_half(tmp_path):
    (tmp_path / "engine.zip").write_bytes(engine.engine()[0])
    with zipfile.ZipFile(tmp_path / "engine.zip") as archive:
        names = archive.namelist()
    assert "slipway_server/site/gate_template.py.in" in names
    assert sorted(names) == sorted(f"slipway_server/{p.relative_to(SERVER)}" for p in [*MODULES, *SERVER.rglob("*.in")])


def test_the_gate_is_read_from_the_zip_and_runs_on_the_oldest_python(tmp_path, python38):
    (tmp_path / "engine.zip").write_bytes(engine.engine()[0])
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from slipway_server.site import gate\n"
        "words = dict(site='prod', wsgi='/w', original='/o', source=b'', public=False, loads=True, page=b'closed')\n"
        "words.update(token='t', nonce='n', mark=gate.MARK)\n"
        "names = {}\n"
        "exec(compile(gate.template().format(**words), 'gate', 'exec'), names)\n"
        "told = []\n"
        "assert names['application']({}, lambda *a: told.append(a)) == [b'closed']\n"
        "assert told[0][0].startswith('503')\n"
    )
    subprocess.run([python38, "-I", "-c", code, str(tmp_path / "engine.zip")], check=True)


def first_contact(home):
    """What a laptop sends an account that knows nothing yet: where and which half, what is asked, the half itself."""
    import json

    data, digest = engine.engine()
    site = {"name": "prod", "domain": "d", "url": "u", "health": "/", "branch": "main", "remote": "o", "app": "app"}
    site.update((key, str(home / key)) for key in ("project", "virtualenv", "wsgi", "backups"))
    site["home"] = str(home)
    request = {"task": "history", "site": site, "args": {}, "who": "bob"}
    return [json.dumps({"engine": digest, "home": str(home)}).encode(), json.dumps(request).encode(), data]


def test_the_first_words_are_said_by_the_oldest_python(tmp_path, python38):
    """hello.py under Python 3.8: greets, takes the zip, and answers a request."""
    import json

    blocks = first_contact(tmp_path)
    done = subprocess.run(
        [python38, "-I", "-c", (SERVER / "hello.py").read_text()],
        input=b"".join(b"%d\n" % len(block) + block for block in blocks),
        capture_output=True,
    )
    lines = done.stdout.decode().split("\n")
    nonce = lines[1].split()[1]
    events = [json.loads(line[len(nonce) + 1 :]) for line in lines[2:] if line.startswith(nonce)]
    assert lines[1] == f"slipway-hello {nonce} 3.8"
    assert [event["event"] for event in events] == ["need", "rows", "end"], done.stderr.decode()
    assert events[-1]["data"] == {"lines": []}
    assert not list(tmp_path.rglob("__pycache__"))


def test_first_contacts_at_once_do_not_take_each_others_half_for_damaged(tmp_path):
    blocks, talks = first_contact(tmp_path), []
    taken = tmp_path / ".slipway" / "engine" / f"{engine.engine()[1]}.zip.part"  # the name that one of them could take
    taken.mkdir(parents=True)
    for _ in range(6):
        talk = subprocess.Popen(
            [sys.executable, "-I", "-c", (SERVER / "hello.py").read_text()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for block in blocks[:2]:
            talk.stdin.write(b"%d\n" % len(block) + block)
        talk.stdin.flush()
        talks.append(talk)
    for talk in talks:
        assert b"slipway-hello" in talk.stdout.readline() + talk.stdout.readline()
        assert b'"need"' in talk.stdout.readline()
    for talk in talks:
        talk.stdin.write(b"%d\n" % len(blocks[2]) + blocks[2])
        talk.stdin.flush()
    for talk in talks:
        out, err = talk.communicate(timeout=60)
        assert b'"event": "end", "code": 0' in out, out + err
    assert sorted(path.suffix for path in taken.parent.iterdir()) == [".part", ".sha256", ".zip", ".zip"]
