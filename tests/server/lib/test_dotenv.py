"""How .env is read: as python-dotenv reads it; where it is called the same, a real shell agrees; never a value told."""

import io
import json
import re
import shutil
import subprocess

import dotenv as real
import pytest
from dotenv.parser import parse_stream
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_slipway.server.lib import dotenv

AWKWARD = st.text("abAB_1.#='\" \t$`\\{}~:;|&<>()*?[]!%@-é漢\n\x0c\xa0", max_size=12)
NAMES = st.sampled_from(["SECRET_KEY", "NAME", "A", "A-B", "a.b", "é", "", "'NAME'", "export"])
LINES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", " ", "export ", "\x0c", "# "]),
    NAMES,
    st.sampled_from(["=", "=", "=", " = ", "= ", ""]),
    AWKWARD | AWKWARD.map(lambda text: f"'{text}'") | AWKWARD.map(lambda text: f'"{text}"'),
    st.sampled_from(["", "", " # note", "#note", " ", "x"]),
)
FILES = st.lists(LINES, max_size=6).map("\n".join)
SHELLS = [name for name in ("sh", "dash", "bash") if shutil.which(name)]


@given(FILES)
@example("\ufeffA=1\r\nB='x\r\ny'\rC=2")
@example("A='x\nB='y'\nC=3")
@example("A= # note\nB=#x\n'C=1\nexport\n#=\n=x")
def test_every_line_is_read_as_python_dotenv_reads_it(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    known = [(row.key, row.value) for row in parse_stream(io.StringIO(text)) if row.key is not None or row.error]
    assert [(row.name, row.value) for row in dotenv.bindings(text)] == known


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=40, deadline=None)
@given(st.lists(LINES, min_size=20, max_size=60))
def test_what_is_called_the_same_is_the_same_to_dotenv_and_to_a_shell(shell, tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("env")
    same = [row for line in lines for row in dotenv.bindings(line) if row.name and not dotenv.difference(row)]
    told = []
    for number, row in enumerate(same):
        (folder / f"{number}.env").write_text(row.text, encoding="utf-8", newline="")
        told.append(f"( . ./{number}.env && printf '%s\\0' \"${{{row.name}-UNSET}}\" )\n")
        assert real.dotenv_values(folder / f"{number}.env")[row.name] == row.value
    line = [shell, "-c", "".join(told)]
    done = subprocess.run(line, cwd=folder, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout.decode().split("\0")[:-1] == [row.value for row in same], done.stderr


def test_much_is_called_the_same():
    for line in (
        "A=b",
        "A=",
        "A=a#b",
        "A=b # note",
        "A='$x \"é'",
        'A="a b"',
        'A="a\\"b"',
        "export A=b",
        " A=x/y:1,2%@",
    ):
        assert dotenv.difference(next(dotenv.bindings(line))) is None, line


WRONG = [
    ("A_B=$x", "differs", "a shell expands $"),
    ("A_B='${HOME}'", "differs", "dotenv expands ${…}"),
    ('A_B="$x"', "differs", "a shell expands $"),
    ("A_B=one two", "differs", "has a space"),
    ("A_B=o'ne", "differs", "a quote within"),
    ("A_B=a\\b", "differs", "drops the \\"),
    ("A_B=a;b", "differs", "a shell acts on"),
    ("A_B=~/x", "differs", "a shell acts on"),
    ("A_B='x'#y", "differs", "a # follows the quote"),
    ("A_B='it\\'s'", "differs", "read differently"),
    ('A_B="a\\nb"', "differs", "read differently"),
    ("A_B = x", "differs", "beside the = sign"),
    ("A-B=x", "differs", "no such name"),
    ("PATH=x", "differs", "own use"),
    ("A_B=x\r\n", "differs", "CR LF"),
    ("\ufeffA_B=x", "differs", "byte order mark"),
    ("A_B='x", "broken", "a quote is not closed"),
    ("A_B='x'y", "broken", "text follows it"),
    ("A_B='x\nC_D=1'", "broken", "takes the next lines"),
    ("=x", "broken", "dotenv leaves it out"),
    ("A_B=x\nrest", "broken", "did the line above break"),
    ("A_B=1C_D=2", "broken", "line break lost"),
    ("A_B=1MAIL_SERVER=x", "broken", "line break lost"),
    ("A_B=1\nA_B=2", "doubled", "this one counts"),
    ("OTHER_NAME=1", "unknown", "not in .env.example"),
    ("A_B=", "empty", "is empty"),
    ("", "missing", "not here"),
]


@pytest.mark.parametrize(("text", "kind", "told"), WRONG, ids=[repr(row[0]) for row in WRONG])
def test_each_fault_is_named(text, kind, told):
    found = dotenv.findings(text.encode(), b"A_B=\nC_D=\n", ["C_D"])
    assert any(row["kind"] == kind and told in row["what"] for row in found), found
    assert all(len(row["what"]) <= 50 for row in found)


def test_a_file_that_is_not_utf_8_or_holds_a_nul_is_told_with_its_line():
    assert [(row["line"], row["kind"]) for row in dotenv.findings(b"A=1\nB=\xff\n")] == [(2, "unread")]
    assert [(row["line"], row["kind"]) for row in dotenv.findings(b"A=1\nB=\0\n")] == [(2, "unread")]


def test_a_good_file_has_no_findings():
    text = "# ours\n\nSECRET_KEY='a$b'\nexport DEBUG=0 # no\nPEM=\"one\ntwo\"\n"
    assert dotenv.findings(text.encode(), text.encode(), (), 0o600) == []
    assert [row["kind"] for row in dotenv.findings(text.encode(), text.encode(), (), 0o644)] == ["mode"]


@pytest.mark.parametrize(
    ("text", "names", "line"),
    [
        ("SECRET_KEY=aGVsbG8gd29ybGQgdGhpcyBpcyBh\nc2VjcmV0IGtleSE=\nA=1\n", ["SECRET_KEY"], 2),
        ("SECRET_KEY=aGVsbG8gd29ybGQgdGhpcyBpcyBh\nc2VjcmV0IGtleSE= # mine\n", ["SECRET_KEY"], 2),
        ("SECRET_KEY=aGVsbG8gd29ybGQgdGhpcyBpcyBh\nc2VjcmV0IGtleQ==\n", ["SECRET_KEY"], 2),
        ("OTP_KEY=JBSWY3DPEHPK3PXPJBSWY3DP\nEHPK3PXPJBSWY3A=\n", ["OTP_KEY"], 2),
        ("EMPTY=\nS3_KEY= \nOAUTH2=#\n_X_2=\nMY2_KEY3= # none\n", ["EMPTY", "S3_KEY", "OAUTH2", "_X_2", "MY2_KEY3"], 0),
        ("debug=1\nurl=''\nexport Name=x\n", ["debug", "url", "Name"], 0),
    ],
)
def test_what_may_be_the_end_of_a_secret_is_taken_for_no_name(text, names, line):
    assert dotenv.names(text) == (names, line)


SECRETS = st.text("ABCDEFGH0123456789abcdefgh/+='\"$ \\-", min_size=12, max_size=24)


@settings(max_examples=300)
@given(SECRETS, st.integers(1, 23), st.sampled_from(["\n", "\r\n", "\n\n", "'\n", "\n="]), st.sampled_from("'\" "))
@example("ABCDEFGHABCDEFGHABCD====", 10, "\n", " ")
@example("00000000e = ", 1, "\n", " ")
@example("00000000" + "\\" * 4, 1, "\n", "'")
def test_no_part_of_a_value_is_told_however_its_line_broke(secret, place, split, quote):
    text = f"SECRET_KEY={quote}{secret[:place]}{split}{secret[place:]}{quote}\nMAIL_SERVER=x{secret}\n{secret}=1\n"
    told = json.dumps(dotenv.findings(text.encode(), b"SECRET_KEY=\n"))
    pieces = [secret[at : at + 4] for at in range(len(secret) - 3)]
    telling = [piece for piece in pieces if len(re.findall(r"\w", piece)) > 2]  # "e = " is of the messages' own words
    assert not [piece for piece in telling if piece in told]
