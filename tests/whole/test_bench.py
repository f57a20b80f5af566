"""The measurements of bench/ run: each small one once, tiny, as a contributor starts it. No figure is asserted."""

from __future__ import annotations

import re
import subprocess
import sys

from support import ROOT

SMALL = ("link", "list", "sqlite")  # those that start no server


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, ROOT / "bench/run.py", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


def test_the_small_measurements_run_and_print_a_table_each():
    done = bench("--quick", *(word for name in SMALL for word in ("--only", name)))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^## (.*)", done.stdout, re.M) == ["The link", "inv --list", "A backup, SQLite"]
    assert done.stdout.count("\nMeasured ") == len(SMALL)
    figures = [line for line in done.stdout.splitlines() if re.match(r"\| \D*\d", line)]
    assert len(figures) >= len(SMALL), done.stdout


def test_every_table_of_the_document_is_one_that_the_script_makes():
    titles = re.findall(r"^## (.*)", (ROOT / "docs/bench.md").read_text(encoding="utf-8"), re.M)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bench").glob("*.py"))
    assert not [title for title in titles if f'"{title}"' not in code]


def test_a_table_written_again_takes_the_place_of_its_older_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import run

    monkeypatch.setattr(run, "DOCUMENT", tmp_path / "bench.md")
    run.DOCUMENT.write_text("# What it costs\n\nWords.\n\n## A\n\nold\n\n## B\n\nkept\n")
    run.write(["## A", "", "new \\1"])
    run.write(["## C", "", "added"])
    assert " ".join(run.DOCUMENT.read_text().split()) == "# What it costs Words. ## A new \\1 ## B kept ## C added"


def test_the_link_holds_both_directions_back_and_loses_nothing():
    done = bench("--quick", "--only", "link")
    echo, speed = map(float, re.search(r"\| 20 ms +\| ([\d.]+) ms \| (\d+) MB/s", done.stdout).groups())
    assert echo >= 20
    assert speed > 0
