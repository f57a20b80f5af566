"""What the site answers."""

from __future__ import annotations

import http.server
import socket
from contextlib import contextmanager

from .table import RELEASE, configured, fab, serving, wrong


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(self.path.strip("/").split("?")[0])
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "https://www.example.org/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def answering(status):
    @contextmanager
    def mistake(world):
        with serving(Answering) as url, configured(world, url=url, health=f"/{status}"):
            yield

    mistake.__name__ = f"health_answers_{status}"
    return mistake


HEALTH = {
    301: "answers everybody with 200",
    401: "everybody with 200",
    404: "a page that is there",
    500: "fab site.logs",
}
for status, mend in HEALTH.items():
    wrong(fab("health"), 3, f"the site answers {status}", mend)(answering(status))
wrong(RELEASE, 3, "could not be proved", "answers everybody with 200")(answering(401))


@wrong(RELEASE, 3, "Connection refused", "url:")
@wrong(fab("health"), 3, "Connection refused", "url:")
def nobody_serves_the_site(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with configured(world, url=f"http://127.0.0.1:{free.getsockname()[1]}"):
            yield
