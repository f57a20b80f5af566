"""The documents are true: what they name exists, what exists they name, and the quick commands do what they say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.vendor import yaml

from flask_slipway.config import keys as config_keys
from flask_slipway.config import settings
from flask_slipway.tasks import local, remote
from support import ROOT

PACKAGE = ROOT / "flask_slipway"
START = ["./bootstrap inv demo", "./bootstrap --servers inv test"]
NAMES = ["README.md", "DESIGN.md", "CHANGELOG.md", "CONTRIBUTING.md"]
DOCUMENTS = [ROOT / name for name in NAMES] + sorted((ROOT / "docs").glob("*.md"))
INV = local.collection(ROOT)
FAB = Collection("", ENV=remote.collection("ENV", ROOT))
# Flags of inv and fab themselves, and of what is passed on after --.
CORE_FLAGS = {"--list", "--help", "--debug", "--yes"}
HERE = {"DESIGN.md": {"--guards"}, "CONTRIBUTING.md": {"--guards"}}  # what this repository's own tasks.py adds
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands(text: str) -> list[tuple[str, str, str]]:
    """(program, task, the rest of the line) of each inv and fab command in code."""
    code = "\n".join([*re.findall(r"```.*?```", text, re.S), *re.findall(r"`[^`\n]+`", text)])
    return re.findall(r"\b(inv|fab) ([A-Za-z][\w.-]*[\w-])([^`\n]*)", code.replace("`fab ENV.`", ""))


def task_of(program: str, name: str) -> Any:
    """The task, or None. Any environment's name will do in front of a task of fab; `slipway.` before it is how a
    person's own task file may take the suite in."""
    name = name.removeprefix("slipway.")
    known = INV if program == "inv" else FAB
    name = name if program == "inv" else "ENV." + name.partition(".")[2]
    return known[name] if name in known.task_names else None


def flags(task: Any) -> set[str]:
    """The names of a task's flags. Invoke takes the help out of the task while it looks: it is put back."""
    told = dict(task.help)
    names = {name.replace("_", "-") for argument in task.get_arguments() for name in argument.names}
    task.help.update(told)
    return names


@each_document
def test_every_task_that_a_document_names_exists(path):
    unknown = [f"{program} {name}" for program, name, _ in commands(read(path)) if task_of(program, name) is None]
    assert not unknown, f"{path.name} names {unknown}"


@each_document
def test_every_flag_that_a_document_names_exists(path):
    wrong = []
    for program, name, rest in commands(read(path)):
        task = task_of(program, name)
        known = flags(task) if task else set()
        own = re.split(r"\s--\s|\s{2,}|;|,|\bfab\b|\binv\b", re.sub(r"'[^']*'|\"[^\"]*\"", "", rest))[0]
        for flag in re.findall(r"(?<!\S)--?[a-z][a-z-]*", own):
            if flag.lstrip("-") not in known and flag not in CORE_FLAGS | HERE.get(path.name, set()):
                wrong.append(f"{program} {name} {flag}")
    assert not wrong, f"{path.name} names {wrong}"


def by_hand() -> list[tuple[str, str]]:
    """(by hand, with Slipway) of each row of README's two tables."""
    section = read(ROOT / "README.md").split("\n## By hand, and with Slipway\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.M)
    return [row for row in rows if not row[0].startswith("By hand")]


# What a line by hand may have instead of a task.
REASONS = ("not yet", "not offered", "none of its own")


@pytest.mark.parametrize(("line", "instead"), by_hand(), ids=lambda text: text[:20])
def test_each_line_of_the_procedure_has_its_task_or_a_reason(line, instead):
    named = [task_of(program, name) for program, name, _ in commands(instead)]
    assert any(named) or instead.startswith(REASONS), line


def test_readme_says_not_yet_only_of_what_is_not_there():
    """The tasks that the lines marked "not yet" wait for: when one is there, its line has to be written anew."""
    waiting = {
        "copy data": ["inv load", "fab ENV.load", "fab ENV.download"],
        "create the web app": ["fab ENV.setup"],
        "edit the WSGI file": ["fab ENV.setup"],
        "set the virtualenv": ["fab ENV.setup"],
        "try migrations": ["fab ENV.rehearse"],
    }
    lines = [line for line, instead in by_hand() if "not yet" in instead]
    for line in lines:
        known = [names for beginning, names in waiting.items() if line.startswith(beginning)]
        assert known or line.startswith("Alembic"), f"what does {line!r} wait for?"
        assert not any(task_of(*name.split(" ")) for names in known for name in names), line


def test_readme_leads_to_every_document():
    led_to = set(re.findall(r"\]\((docs/[\w.-]+)", read(ROOT / "README.md")))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= led_to


def test_the_two_commands_to_start_with_are_those_of_ci_and_the_demo():
    blocks = [block.strip() for block in re.findall(r"^```\n(.*?)^```", read(ROOT / "README.md"), re.S | re.M)]
    assert [block for block in blocks if block.startswith("./bootstrap")] == START
    assert f"exec {START[1]}\n" in read(ROOT / ".ci/run")
    assert "demo" in INV.task_names
    assert "--servers" in read(ROOT / "bootstrap")


def test_docs_tasks_is_what_the_tasks_say():
    done = subprocess.run(
        [sys.executable, "-c", "import write_tasks; print(write_tasks.text(), end='')"],
        cwd=ROOT / "docs",
        capture_output=True,
        check=True,
    )
    assert read(ROOT / "docs/tasks.md") == done.stdout.decode(), "write it anew: python docs/write_tasks.py"


def every_task() -> list[tuple[str, Any]]:
    return [("inv " + name, INV[name]) for name in INV.task_names] + [("fab " + n, FAB[n]) for n in FAB.task_names]


@pytest.mark.parametrize(("name", "task"), every_task(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_tasks_help_is_one_line_of_the_list_then_an_example_of_it(name, task):
    first, *rest = task.__doc__.strip().splitlines()
    assert len(first) <= (63 if name.startswith("inv") else 58), "more than a line of 80 columns"
    assert first.endswith(".")
    example = " ".join(rest).partition("Example:")[2].strip()
    assert example.startswith(name.replace("fab ENV.", "fab prod.")), example


@pytest.mark.parametrize(("name", "task"), every_task(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_flags_help_says_what_it_is_when_it_is_left_out(name, task):
    told = dict(task.help)
    arguments = task.get_arguments()
    task.help.update(told)
    for argument in arguments:
        assert argument.help, argument.name
        if argument.default not in (None, "", False):
            assert f"({argument.default}" in argument.help, argument.name


# DESIGN.md's layout


def layout() -> dict[str, set[str]]:
    """The names at the beginning of the lines of each block of DESIGN.md's layout, by the folder they lie in."""
    section = read(ROOT / "DESIGN.md").split("## Layout")[1].split("\n## ")[0]
    first, *pieces = re.split(r"^`(flask_slipway/\S*)`,", section, flags=re.M)
    blocks = {
        folder: piece.split("```")[1] for folder, piece in zip(["", *pieces[::2]], [first, *pieces[1::2]], strict=True)
    }
    return {folder: {line.split("  ")[0] for line in block.strip().splitlines()} for folder, block in blocks.items()}


def test_every_module_is_named_in_designs_layout_and_every_name_is_one():
    named = layout()
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    there = {name.removeprefix("server/") for name in found if name.startswith("server/")}
    here = {"__init__.py"} | {name for name in found if not name.startswith("server/")}
    assert named["flask_slipway/server/"] == there
    assert named["flask_slipway/"] == here


def test_every_file_that_a_document_names_exists():
    for path in DOCUMENTS:
        text = read(path)
        names = set(re.findall(r"`((?:tests|docs|flask_slipway|migrations|app|\.ci)/[\w./-]+)`", text))
        names |= {name for name in re.findall(r"\]\(([\w./-]+)\)", text) if "//" not in name}
        for name in names - {"flask_slipway/"}:
            assert (ROOT / name).exists() or (path.parent / name).exists(), f"{path.name} names {name}"
    for name in " ".join(layout()[""]).split():
        assert (ROOT / name).exists(), name


@each_document
def test_every_test_that_a_document_names_exists(path):
    for place, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", read(path)):
        assert f"def {name}(" in read(ROOT / place), name


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made from their words."""
    text = re.sub(r"```.*?```", "", read(path), flags=re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path):
    for place, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", read(path)):
        there = path.parent / place if place else path
        assert there.exists(), f"{path.name} leads to {place}"
        assert not anchor or anchor in anchors(there), f"{path.name} leads to {place}#{anchor}"


def blocks(path: Path, kind: str) -> list[str]:
    """The code blocks of a kind in a document, also those in a list."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```", read(path), re.S | re.M)
    return [textwrap.dedent(text) for _, text in found]


@each_document
def test_every_yaml_in_a_document_is_read_as_it_stands(path, tmp_path):
    for text in blocks(path, "yaml"):
        told = yaml.safe_load(text)
        if "slipway" in told:
            (tmp_path / "invoke.yaml").write_text(text, encoding="utf-8")
            assert settings.load(tmp_path).sites, text


def test_the_workflow_is_yaml_and_types_commands_that_exist():
    told = yaml.safe_load(read(ROOT / "docs/github-actions.yml"))
    assert {"name", "jobs"} <= told.keys()
    typed = [step["run"] for job in told["jobs"].values() for step in job["steps"] if "run" in step]
    found = re.findall(r"^(inv|fab) (\S+)(.*)$", "\n".join(typed), re.M)
    assert [(program, name) for program, name, _ in found] == [
        ("fab", "prod.backup"),
        ("inv", "setup"),
        ("inv", "release"),
    ]
    for program, name, rest in found:
        task = task_of(program, name)
        assert task is not None, name
        assert {flag.lstrip("-") for flag in re.findall(r"--?[a-z][a-z-]*", rest)} <= flags(task), rest


def test_what_a_workflow_runs_of_others_is_named_by_its_commit():
    """A tag can be moved to another commit, which then has the workflow's secrets."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*.yml"), *ROOT.glob(".github/**/*.yml")]
    used = re.findall(r"^\s*-? ?uses: (.*)$", "\n".join(map(read, paths)), re.M)
    assert len(used) == 2
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_the_first_look_explains_lines_that_check_has():
    section = read(ROOT / "docs/pythonanywhere.md").split("\n## 8. ")[1].split("\n## ")[0]
    told = [row for row in re.findall(r"^\| ([^|]+) \|", section, re.M) if row != "line"]
    known = [
        node.value.elts[0].value
        for node in ast.walk(ast.parse(read(PACKAGE / "server/read/check.py")))
        if isinstance(node, ast.Yield)
        and isinstance(node.value, ast.Tuple)
        and isinstance(node.value.elts[0], ast.Constant)
    ]
    assert len(told) > 5
    assert {row.removesuffix(": weaker") for row in told} <= set(known)


def test_the_wsgi_file_of_the_documents_is_python():
    text = read(ROOT / "docs/wsgi.py.example")
    ast.parse(text)
    assert text.index("FLASK_ENV") < text.index("import create_app")


def test_each_guarantee_names_a_test():
    section = read(ROOT / "DESIGN.md").split("## Guarantees")[1].split("\n## ")[0]
    items = re.split(r"^(?=\d+\. )", section, flags=re.M)[1:]
    assert [int(item.split(".")[0]) for item in items] == list(range(1, 13))
    for item in items:
        assert "tests/" in item, item
        assert "Stands on:" in item, item


# docs/configuration.md


def keys(heading: str) -> dict[str, str]:
    """{key: default as written} of the tables below a heading of docs/configuration.md."""
    section = read(ROOT / "docs/configuration.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.M))


def test_every_key_of_invoke_yaml_is_told_and_no_other():
    assert keys("slipway").keys() == config_keys.TOP.keys()
    assert keys("slipway.environments.NAME").keys() == config_keys.ENVIRONMENT.keys()


def test_each_default_is_the_one_that_the_code_has():
    for heading, known in (("slipway", config_keys.TOP), ("slipway.environments.NAME", config_keys.ENVIRONMENT)):
        for name, told in keys(heading).items():
            default = known[name].default
            if default is config_keys.REQUIRED:
                assert told == "required", name
            elif default not in (None, (), {}):
                shown = str(default).lower() if isinstance(default, bool) else default
                shown = " ".join(shown) if isinstance(shown, tuple) else str(shown)
                assert told == f"`{shown}`", name


def test_each_derived_value_is_the_one_that_is_derived():
    given = dict.fromkeys(config_keys.ENVIRONMENT) | {"region": "us", "domain": "www.example.com"}
    told = keys("slipway.environments.NAME")
    for name, value in config_keys.derive(given, "yourusername").items():
        first = value["error"] if isinstance(value, dict) else value[0] if isinstance(value, tuple) else value
        assert told[name] == f"`{first}`", name


# docs/recovery.md


def messages() -> list[str]:
    """The first cell of each row of docs/recovery.md's tables."""
    rows = re.findall(r"^\| ([^|]+) \|", read(ROOT / "docs/recovery.md"), re.M)
    return [row for row in rows if row != "message"]


def texts() -> list[str]:
    """Every text of the code, with … where a value goes."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[-.,\d]*[sdrf]|\{[^}]*\}", "…", node.value))
    return found


def test_every_message_that_recovery_explains_is_one_of_the_codes():
    known = [re.sub(r"\s+", " ", text).lower() for text in texts()]
    for message in messages():
        own = message.removesuffix(". Nothing was changed.")  # which wording.render says of every refusal
        wanted = re.compile(".*".join(re.escape(part) for part in own.lower().split("…")))
        assert any(wanted.search(text) for text in known), message


def test_recovery_explains_every_incident():
    told = "\n".join(messages()).lower()
    for path in (PACKAGE / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Incident":
                first = node.args[0].left if isinstance(node.args[0], ast.BinOp) else node.args[0]
                assert isinstance(first, ast.Constant), ast.unparse(node)
                longest = max(re.split(r"%[sd]", str(first.value)), key=len)
                assert longest.strip(" :,;").lower() in told, first.value


# what must not stand in a document


@each_document
def test_a_document_names_no_machine_no_registry_and_no_thread(path):
    text = read(path)
    assert not re.findall(r"(?<![\w.~])/(?:work|root|tmp|Users|opt|home/(?!yourusername))[/\w]*", text)
    assert not re.findall(r"pypi\.|files\.pythonhosted|registry\.|proxy\.", text)
    assert not re.findall(r"#\d{2,}\b|/issues/|/pull/", text)


# the quick commands, run


def test_the_tasks_are_listed(bare):
    listed = bare.inv("--list")
    assert listed.code == 0, listed.out
    assert all(re.search(rf"^  {re.escape(name)}\s", listed.out, re.M) for name in INV.task_names)
    listed = bare.fab("--list")
    assert listed.code == 0, listed.out
    assert all(f"  prod{name.removeprefix('ENV')}" in listed.out for name in FAB.task_names)


def test_what_readme_says_of_the_example_configuration_is_true(ready):
    shown = ready.inv("status")
    assert shown.code == 0, shown.out
    assert "still the example in invoke.yaml" in shown.out
    refused = ready.fab("prod.check")
    assert refused.code == 1, refused.out
    assert "yourusername" in refused.out
    assert "line" in refused.out


def test_the_two_line_files_of_docs_are_enough(bare):
    first, second = re.findall(r"```python\n(.*?)```", read(ROOT / "docs/adopting.md"), re.S)
    for text in (first, second):
        name, *lines = text.splitlines()
        bare.write(name.strip("# "), "\n".join(line.strip() for line in lines) + "\n")
    assert bare.inv("--list").code == 0
    assert bare.fab("--list").code == 0
