"""Imports run one way, the tasks explain themselves, and `inv --list` loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flask_slipway"
# Each layer may import those below it; within a layer only what MAY_SHARE says.
LAYERS = [
    {"syntax"},
    {
        "errors",
        "words",
        "pythonanywhere",
        "operations",
        "taskfiles",
        "wellknown",
        "findings",
        "requirements",
        "installed",
    },
    {"git", "schema", "yamlfile", "pictures", "nesting", "placing"},
    {"settings"},
    {"plan", "connection"},
    {"project", "console", "link", "terminal", "questions"},
    {
        "development",
        "scratch",
        "secrets",
        "importing",
        "fitting",
        "testing",
        "envfile",
        "sources",
        "upstream",
        "edited",
    },
    {"packages", "pushing", "sandbox", "finding"},
    {"playground"},
    {"checking", "upgrading", "revisions", "overview", "freezing", "committing", "playing", "answers"},
    {"starting", "inspecting", "releasing", "drafts"},
    {"adopting"},
    {"tasks"},
    {"__main__"},
]
MAY_SHARE = {("schema", "pythonanywhere"), ("link", "terminal"), ("scratch", "development"), ("upgrading", "checking")}


def imports(path: Path) -> set[str]:
    """The parts of the package that a file imports, by their first name."""
    found = set()
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level == depth or node.module == "flask_slipway"):
            found |= {node.module.split(".")[0]} if node.level and node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flask_slipway."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("flask_slipway.")}
    return found


def level(name: str) -> int:
    return next((number for number, layer in enumerate(LAYERS) if name in layer), -1)


def test_imports_run_one_way():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name in ("server", "__init__"):
            continue
        for other in imports(path) - {name, "__version__"}:
            if level(other) >= level(name) and (name, other) not in MAY_SHARE:
                wrong.append(f"{path.relative_to(ROOT)} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_every_module_has_its_layer():
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert names - {"__init__", "server"} == set().union(*LAYERS)


def test_the_servers_half_and_the_app_stand_alone():
    for path in [*(PACKAGE / "server").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not any(name.split(".")[0] in ("flask_slipway", "invoke", "fabric") for name in names), path
            if isinstance(node, ast.ImportFrom) and path.parent == PACKAGE / "server":
                assert node.level <= 1, path


def test_nothing_of_the_laptops_half_imports_the_servers_or_the_app():
    for path in PACKAGE.rglob("*.py"):
        if path.parent != PACKAGE / "server":
            assert not {"server", "app"} & imports(path), path


def test_listing_the_tasks_loads_neither_fabric_nor_flask():
    code = "import sys, flask_slipway; flask_slipway.local(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"fabric", "paramiko", "flask", "alembic", "sqlalchemy", "asyncssh"} & set(loaded.split())
