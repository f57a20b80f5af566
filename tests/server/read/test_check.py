"""What fab ENV.check makes of what it sees."""

import sys
from types import SimpleNamespace

from flask_slipway.server.read import check

HERE = ".".join(str(part) for part in sys.version_info[:3])


def python_of(told):
    return check.python_of(SimpleNamespace(python=sys.executable, virtualenv_python=told))


def test_the_virtualenvs_python_is_compared_with_the_configuration():
    short = HERE.rpartition(".")[0]
    assert python_of(short) == python_of(HERE) == ("Python " + HERE, True)
    words, good = python_of(short[:-1])  # 3.1 is not 3.11
    assert not good
    assert "correct virtualenv_python" in words


def test_where_it_is_not_configured_it_is_said_what_to_write():
    words, good = python_of("")
    assert good
    assert f'virtualenv_python: "{HERE.rpartition(".")[0]}"' in words
