"""~/.mylogin.cnf as mysql_config_editor writes it, which asks for a password at a terminal alone."""

from __future__ import annotations

import secrets
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def write(path: Path, **options: object) -> None:
    """Writes what overrides every option file: `options` of the group [client]. Source: mysys/my_default.cc."""
    seed = secrets.token_bytes(20)
    key = bytearray(16)
    for number, byte in enumerate(seed):
        key[number % 16] ^= byte
    data = bytes(4) + seed
    for line in ["[client]", *(f'{name} = "{value}"' for name, value in options.items())]:
        padder = PKCS7(128).padder()
        padded = padder.update(f"{line}\n".encode()) + padder.finalize()
        encryptor = Cipher(algorithms.AES(bytes(key)), modes.ECB()).encryptor()
        coded = encryptor.update(padded) + encryptor.finalize()
        data += struct.pack("<i", len(coded)) + coded
    path.write_bytes(data)
    path.chmod(0o600)
