"""The tasks of this repository: Flask-Slipway's own; its `inv test` alone has --guards, too."""

from invoke import Exit, task

import flask_slipway

namespace = flask_slipway.local()
suite = namespace["test"]


@task(help={**suite.help, "guards": "take each guard of the table out in turn, in a copy: its tests must fail there"})
def test(c, k="", guards=False):
    """Run the tests; ruff and mypy too, where they are set up.

    Example: inv test --guards -k kill"""
    if not guards:
        return suite.body(c, k)
    import subprocess
    import sys
    from pathlib import Path

    run = Path(__file__).with_name("tests") / "guards" / "run.py"
    code = subprocess.run([sys.executable, str(run), *k.split()]).returncode
    raise Exit(code=code)


namespace.add_task(test)
