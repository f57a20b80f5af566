"""Takes the guards of the table out, one by one, in a copy of the project, and sees that their tests fail there:
inv test --guards. Ends with 1 where one is not missed, or its text is not found."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from guards.guard import Guard  # noqa: E402 - only now it is found

PYTEST = ["-o", "addopts=", "-n", "0", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "--tb=line", "-rfs"]
LONGEST = 900  # seconds that the tests of one guard may take
FAILS = "fails"  # the one word for a test that misses its guard


def main(words: Sequence[str]) -> int:
    """The exit code. `words`: of which guards; those are tried whose names have one of them in it, without any all."""
    from guards.table import GUARDS

    chosen = [guard for guard in GUARDS if not words or any(word in guard.name for word in words)]
    return run(ROOT, chosen)


def run(root: Path, guards: Sequence[Guard]) -> int:
    """Tries the `guards` of the project in `root`, and tells of each; 0 where each is missed by each of its tests."""
    with copied(root) as copy:
        tests = sorted({test for guard in guards for test in guard.tests})
        if tests:
            say(f"{len(guards)} guards, {len(tests)} tests. Without a change, all of these have to pass…")
            passing, words = tried(copy, tests, until_one_fails=False)
            if passing != "passes":
                say(f"They do not: {passing}.\n{words}")
                return 1
        say("\n" + row("", "guard", "its tests without it", "seconds"))
        kept = [guard for guard in guards if not is_missed(copy, guard)]
    if not guards or kept:
        names = ", ".join(guard.name for guard in kept) or "there are none of that name"
        say(f"\n{len(kept)} of {len(guards)} guards are not missed: {names}")
        return 1
    say(f"\nAll {len(guards)} guards are missed when they are gone.")
    return 0


def is_missed(copy: Path, guard: Guard) -> bool:
    """Whether each of the guard's tests fails without it; tells a line of it."""
    began = time.monotonic()
    found, words = [], ""
    try:
        with without(copy, guard):
            for test in guard.tests:
                one, words = tried(copy, [test])
                found.append(one)
                if one != FAILS:
                    break
    except ValueError as error:
        found.append(str(error))
    seconds = time.monotonic() - began
    say(row(str(guard.guarantee), guard.name, found[-1], f"{seconds:.1f}"))
    if found[-1] not in (FAILS, "passes"):
        say(words)
    return set(found) == {FAILS}


def row(guarantee: str, name: str, found: str, seconds: str) -> str:
    """A line of the table, of 80 columns."""
    return f"{guarantee:>2}  {name:<45} {found:<22}{seconds:>8}"


def tried(copy: Path, tests: Iterable[str], until_one_fails: bool = True) -> tuple[str, str]:
    """How the tests end in the project at `copy`, in a word, and the end of what they say."""
    nodes = [f"tests/{test}" for test in tests]
    line = [sys.executable, "-B", "-m", "pytest", *PYTEST, *(["-x"] if until_one_fails else []), *nodes]
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        line, cwd=copy, env=env, stdin=subprocess.DEVNULL, stdout=-1, stderr=-2, text=True, start_new_session=True
    ) as child:
        try:
            out, _ = child.communicate(timeout=LONGEST if until_one_fails else None)
        except subprocess.TimeoutExpired:
            return "does not end", ""
        finally:
            _end(child)
    return verdict(child.returncode, out), "\n".join(out.splitlines()[-15:])


def _end(child: subprocess.Popen[str]) -> None:
    """Ends the tests where they did not come to their end: first as Ctrl-C does, so that they end what they started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
            if child.poll() is None:
                os.killpg(child.pid, number)
                child.wait(30)


def verdict(code: int, out: str) -> str:
    """What an exit code of pytest, and what it printed, say of tests."""
    if code == 1:  # an error in a fixture alone is no test that looked
        return FAILS if any(line.startswith("FAILED ") for line in out.splitlines()) else "errs before it looks"
    if code == 0:
        return "is skipped" if " passed" not in out.splitlines()[-1] else "passes"
    return {2: "is not run", 4: "is not there", 5: "is not there"}.get(code, f"ends with {code}")


@contextmanager
def without(root: Path, guard: Guard) -> Iterator[None]:
    """Meanwhile the project in `root` is without the guard. Raises ValueError where its text is not there once."""
    path = root / "flask_slipway" / guard.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = guard.taken_out(text)
    try:
        path.write_text(changed, encoding="utf-8")
        yield
    finally:
        path.write_text(text, encoding="utf-8")


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A copy of the project's files, those that git tracks and those that it would, as they are on the disk."""
    line = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(line, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    folder = Path(tempfile.mkdtemp(prefix="slipway-guards-"))
    try:
        for name in filter(None, names):
            target = folder / name
            if (root / name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
