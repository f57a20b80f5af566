"""What the server asks of its own site before a plan is made."""

from email.message import Message
from types import SimpleNamespace

import pytest

from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import prepare
from flask_slipway.server.site import health

PAGE = "http://127.0.0.1/health"
RUN = SimpleNamespace(site=SimpleNamespace(name="prod", health_url=lambda: PAGE))


def answer(status, body=b"", **headers):
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return health.Answer(status, message, body)


@pytest.mark.parametrize(
    ("seen", "fix"),
    [
        (answer(302, Location="/health"), "wait until the host has reloaded"),
        (answer(302, Location=PAGE), "set  health:  of prod"),
        (answer(401), "set  health:  of prod"),
        (answer(0, b"Connection refused"), "correct  url:"),
        (answer(0, health.IN_TIME.encode()), "CPU seconds are used up"),
    ],
)
def test_a_site_that_the_server_cannot_see_is_refused_with_what_to_do(seen, fix):
    with pytest.raises(Refused, match="from the server") as refusal:
        prepare.refuse_unseen(RUN, seen)
    assert fix in "\n".join(refusal.value.next)


@pytest.mark.parametrize(
    "seen", [answer(200), answer(302, Location="/sign-in"), answer(404), answer(500), answer(503, X_Slipway_Gate="n")]
)
def test_a_site_that_answers_in_any_way_of_its_own_is_seen(seen):
    prepare.refuse_unseen(RUN, seen)
