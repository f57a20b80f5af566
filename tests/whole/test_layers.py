"""Imports run one way, as the tables of DESIGN.md say, and `inv --list` loads nothing heavy."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "flask_slipway"
HALVES = {"laptop": "flask_slipway", "server": "flask_slipway.server"}
DOORS = {"flask_slipway", "flask_slipway.__main__"}
SHARED = {
    "flask_slipway.server.protocol",
    "flask_slipway.server.lib.amounts",
    "flask_slipway.server.lib.app_client",
    "flask_slipway.server.lib.dotenv",
    "flask_slipway.server.lib.git_login",
    "flask_slipway.server.lib.git_settings",
    "flask_slipway.server.lib.git_status",
    "flask_slipway.server.lib.held_lock",
    "flask_slipway.server.lib.masking",
    "flask_slipway.server.lib.own_files",
    "flask_slipway.server.lib.stop",
    "flask_slipway.server.lib.wall",
}


def tables() -> list[dict[str, set[str]]]:
    """Both tables of DESIGN.md's layout: {wing: the wings that it may import}."""
    section = (ROOT / "DESIGN.md").read_text(encoding="utf-8").split("## Layout")[1].split("\n## ")[0]
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", section, re.M):
        rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
        found.append({wing: set(allowed.split(", ")) - {"nothing"} for wing, _, allowed in rows})
    return found


RULES = dict(zip(HALVES, tables(), strict=True))


def name_of(path: Path) -> str:
    """The module's whole name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def half_of(module: str) -> str:
    return "server" if f"{module}.".startswith("flask_slipway.server.") else "laptop"


def wing_of(module: str) -> str:
    """The longest wing that the module lies in; `top` where it lies in none."""
    half = half_of(module)
    rest = module.removeprefix(HALVES[half]).lstrip(".")
    inside = [wing for wing in RULES[half] if f"{rest.replace('.', '/')}/".startswith(f"{wing}/")]
    return max(inside, key=len, default="top")


def imported(module: str, is_package: bool, source: str) -> Iterator[str]:
    """The modules of the package that the source imports, wherever in it, by their whole names."""
    base = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            above = base[: len(base) - node.level + 1] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            names = [f"{start}.{alias.name}" if is_module(f"{start}.{alias.name}") else start for alias in node.names]
        yield from (name for name in names if f"{name}.".startswith("flask_slipway."))


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def is_allowed(module: str, other: str) -> bool:
    """Whether the tables let `module` import `other`."""
    if module in DOORS:
        return half_of(other) == "laptop"
    if half_of(module) != half_of(other):
        return half_of(module) == "laptop" and other in SHARED
    wing, there = wing_of(module), wing_of(other)
    allowed = RULES[half_of(module)][wing]
    rest = other.removeprefix(f"{HALVES[half_of(other)]}.").replace(".", "/")
    return wing == there or "everything" in allowed or there in allowed or rest in allowed


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield name_of(path), path


def imports(name: str, path: Path) -> set[str]:
    return set(imported(name, path.name == "__init__.py", path.read_text(encoding="utf-8")))


def test_imports_run_one_way():
    wrong = [f"{name} imports {other}" for name, path in modules() for other in imports(name, path)]
    wrong = [line for line in wrong if not is_allowed(*line.split(" imports "))]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports(name, path) - {name} for name, path in modules() if path.name != "__init__.py"}
    graphlib.TopologicalSorter(graph).prepare()


def test_each_folder_is_a_wing_and_each_wing_a_folder():
    for half, top in (("laptop", PACKAGE), ("server", PACKAGE / "server")):
        folders = {path.parent.relative_to(top).as_posix() for path in top.rglob("*/__init__.py")} - {"."}
        folders = {folder for folder in folders if half == "server" or folder.split("/")[0] != "server"}
        assert folders == set(RULES[half]) - {"top", "protocol"}


FORBIDDEN = [
    (half, wing, other)
    for half, rules in RULES.items()
    for wing, allowed in rules.items()
    for other in rules
    if "everything" not in allowed and other not in {*allowed, wing}
]


@pytest.mark.parametrize(("half", "wing", "other"), FORBIDDEN)
def test_an_import_that_a_wings_row_does_not_name_is_found(half, wing, other):
    module = ".".join([HALVES[half], *([] if wing == "top" else wing.split("/")), "new"])
    named = {name.rpartition("/")[2] for name in RULES[half][wing]}
    there = [name for name, _ in modules() if half_of(name) == half and wing_of(name) == other]
    neighbour = next(name for name in there if name not in DOORS and name.rpartition(".")[2] not in named)
    source = f"def later():\n    from {neighbour.rpartition('.')[0]} import {neighbour.rpartition('.')[2]}\n"
    assert [is_allowed(module, found) for found in imported(module, False, source)] == [False]


def test_the_halves_share_what_is_named_and_nothing_else():
    assert not is_allowed("flask_slipway.server.lib.files", "flask_slipway.errors")
    assert not is_allowed("flask_slipway.ui.screen", "flask_slipway.server.lib.files")


def test_the_servers_half_and_the_app_know_neither_the_rest_nor_its_libraries():
    for path in [*(PACKAGE / "server").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not any(name.split(".")[0] in ("flask_slipway", "invoke", "fabric") for name in names), path


def test_listing_the_tasks_loads_neither_fabric_nor_flask():
    code = "import sys, flask_slipway; flask_slipway.local(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"fabric", "paramiko", "flask", "alembic", "sqlalchemy", "asyncssh"} & set(loaded.split())


def test_the_list_of_tasks_is_shown_without_looking_into_the_project_or_at_the_shapes_of_the_wire():
    line = [sys.executable, "-X", "importtime", "-m", "invoke", "--list"]
    shown = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {entry.rpartition("|")[2].strip() for entry in shown.stderr.splitlines()}
    assert "flask_slipway.tasks.local" in loaded
    assert not {"flask_slipway.project", "flask_slipway.server.protocol", "fabric", "shutil"} & loaded
