"""`flask-slipway init` as a user types it beside a .env: no value of it is shown or written."""

from __future__ import annotations

from support.adopting import ANSWERS, ONE_FILE, files, init

SECRETS = ["hunter2-first", "hunter2-second", "MIIEowIBAAKCAQEA", "hunter2.example.org", "hunter2+x="]


def test_no_value_of_env_is_shown_or_written(blog):
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA=x\nhunter2+x=\n-----END RSA PRIVATE KEY-----"
    blog.write(
        ".env",
        f"# a comment with hunter2-first\nexport DATABASE_URL=mysql://u:hunter2-first@h/USER$db\nKEY='{key}'\n"
        'SECRET_KEY = "hunter2-second" # hunter2-first\nMAIL_SERVER=hunter2.example.org\nEMPTY=\n',
    )
    out = init(blog, *ANSWERS, "--yes")
    example = (blog.folder / ".env.example").read_text()
    assigned = [line for line in example.splitlines() if line and not line.startswith("#")]
    assert assigned == ["DATABASE_URL=", "KEY=", "SECRET_KEY=", "MAIL_SERVER=", "EMPTY="]
    written = b"".join(data for path, data in files(blog).items() if path != ".env").decode()
    for secret in SECRETS:
        assert secret not in out
        assert secret not in written


def test_after_a_line_of_env_that_does_not_parse_nothing_is_taken_for_a_name(blog):
    blog.write(".env", 'ONE=1\nKEY="-----BEGIN ' + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nhunter2+x=\nhunter2=\n")
    out = init(blog, *ANSWERS, "--yes")
    assert "line 2 of .env" in out
    example = (blog.folder / ".env.example").read_text()
    assert "ONE=" in example
    assert "hunter2" not in example
    assert "MIIE" not in example


def test_a_folder_env_and_one_that_cannot_be_read_are_none(blog):
    (blog.folder / ".env").symlink_to("/proc/self/mem")
    assert ".env.example" not in init(blog, *ANSWERS, code=3)
    (blog.folder / ".env").unlink()
    blog.write(".env/pyvenv.cfg", "")
    blog.write(".env/lib/other.py", ONE_FILE)
    assert ".env.example" not in init(blog, *ANSWERS, "--yes")


def test_an_env_example_is_never_replaced(blog):
    blog.write(".env", "A=1\n")
    blog.write(".env.example", "B=\n")
    init(blog, *ANSWERS, "--yes")
    assert (blog.folder / ".env.example").read_text() == "B=\n"
