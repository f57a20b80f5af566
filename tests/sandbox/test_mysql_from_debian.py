"""Oracle's MySQL from Debian: nothing is unpacked that Debian's key has not signed, whatever this machine allows."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import threading

import pytest

from flask_slipway.sandbox import host
from support import servers

HELPER = host.__path__[0] + "/mysql-from-debian.sh"
NAMES = ("mysql-server-core", "mysql-client-core")
ALLOWING = """
Acquire::http::Proxy "http://127.0.0.1:{port}";
APT::Get::AllowUnauthenticated "true";
Acquire::AllowInsecureRepositories "true";
Acquire::AllowWeakRepositories "true";
Acquire::AllowDowngradeToInsecureRepositories "true";
"""


def package(folder, name, architecture):
    """A package with one file, and what a list of packages says of it."""
    top = folder / name
    (top / "DEBIAN").mkdir(parents=True)
    (top / "usr/lib").mkdir(parents=True)
    (top / "usr/lib" / f"{name}.so").write_text("of somebody\n")
    control = f"Package: {name}\nVersion: 9.9\nArchitecture: {architecture}\nMaintainer: x <x@example.org>\n"
    (top / "DEBIAN/control").write_text(f"{control}Description: planted\n")
    deb = folder / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", top, deb], check=True, capture_output=True)
    data = deb.read_bytes()
    told = f"Filename: pool/{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    return data, f"{control}{told}Description: planted\n\n"


@pytest.fixture
def mirror(tmp_path):
    """A mirror without a signature in the place of Debian's; its port, and the paths that were asked for."""
    if not shutil.which("apt-get"):
        servers.missing("apt", "it comes with Debian")
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    made = {name: package(tmp_path, name, architecture) for name in NAMES}
    listed = "".join(text for _, text in made.values()).encode()
    place = f"main/binary-{architecture}/Packages"
    release = f"Suite: unstable\nCodename: sid\nComponents: main\nArchitectures: {architecture}\n"
    release += "Date: Tue, 02 Jun 2026 08:00:00 UTC\nSHA256:\n"
    release += f" {hashlib.sha256(listed).hexdigest()} {len(listed)} {place}\n"
    held = {f"pool/{name}.deb": data for name, (data, _) in made.items()}
    held |= {f"dists/sid/{place}": listed, "dists/sid/Release": release.encode()}
    asked = []

    class Mirror(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            data = next((data for path, data in held.items() if self.path.endswith(path)), None)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


def test_what_nobody_signed_is_not_unpacked_also_where_the_machines_apt_takes_it(mirror, tmp_path):
    port, asked = mirror
    (tmp_path / "apt.conf").write_text(ALLOWING.format(port=port))
    environment = os.environ | {"APT_CONFIG": str(tmp_path / "apt.conf")}
    done = subprocess.run(["bash", HELPER, tmp_path / "mysql"], env=environment, capture_output=True, text=True)
    if not asked:
        pytest.skip(f"this machine's mirror of Debian is not reached by http: {done.stderr}")
    assert done.returncode == 1
    assert "its signature does not fit" in done.stderr.splitlines()[-1]
    assert [path for path in asked if path.endswith(".deb")] == []
    assert not (tmp_path / "mysql").exists()
