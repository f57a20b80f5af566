"""A run's connections, when it is taken back: ended, and the server has let go of all that they were doing."""

import pytest

from flask_slipway.server.database import mysql
from flask_slipway.server.database.mysql_client import DatabaseError, Session

MANY = "INSERT INTO many (text) SELECT text FROM many"  # twice as many rows


@pytest.fixture
def working(served):
    """A connection in the middle of a change that takes the server a while to undo; returns its number."""
    served.execute(
        "CREATE TABLE many (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(200));"
        f"INSERT INTO many (text) VALUES (REPEAT('x', 200)); {';'.join([MANY] * 15)}"
    )
    session = Session(served.base.options, served.base.name)
    session.rows("START TRANSACTION")
    session.rows(MANY)
    yield int(session.rows("SELECT CONNECTION_ID()")[0][0])
    session.close()


def test_it_is_ended_and_waited_for_until_the_server_has_undone_what_it_did(served, working):
    assert working in served.base.other_connections()
    served.base.kill([working])
    assert working not in served.base.other_connections()
    assert served.base.counts()["many"] == 1 << 15


def test_a_fence_is_not_up_while_another_connection_is_left(served, monkeypatch):
    monkeypatch.setattr(mysql, "PATIENCE", 1)
    session = Session(served.base.options, served.base.name)
    number = session.rows("SELECT CONNECTION_ID()")[0][0]
    with pytest.raises(DatabaseError, match=f"stay open: {number}"):
        served.base.fence_up()
    session.close()
