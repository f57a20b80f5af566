"""The first time on a machine: .env is made where nothing is, and nowhere else."""

import os
import stat

import pytest

from flask_slipway.errors import Refusal
from flask_slipway.setup import development


def test_no_env_is_made_where_a_link_leads(tmp_path):
    root, own = tmp_path / "project", tmp_path / "autostart"
    root.mkdir()
    (root / ".env.example").write_text("PLACE=here\n")
    (root / ".env").symlink_to(own)
    with pytest.raises(Refusal, match="is not there") as refusal:
        list(development.env_file(root))
    assert str(own) in refusal.value.what
    assert refusal.value.next == ["rm .env, then  inv setup"]
    assert not own.exists()
    (root / ".env").unlink()
    old = os.umask(0)
    try:
        list(development.env_file(root))
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
