"""What a database URL says of TLS, as the options of the database's own programs. Never weaker than the app's driver:
what cannot be said to them is refused."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Tuple

from .mysql_client import DatabaseError

Options = List[Tuple[str, str]]
MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")  # of MySQL's --ssl-mode
DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY = MODES
TRUE = ("1", "true", "yes", "on", "required")
# What is handed on: each of the URL's names, and the option; of which only MySQL's programs know some (loose).
SAME = {
    "ssl_ca": "ssl-ca",
    "ssl_capath": "ssl-capath",
    "ssl_cert": "ssl-cert",
    "ssl_key": "ssl-key",
    "ssl_cipher": "ssl-cipher",
    "ssl_crl": "ssl-crl",
    "ssl_crlpath": "ssl-crlpath",
    "tls_ciphersuites": "loose-tls-ciphersuites",
}
AUTHORITIES = ("ssl-ca", "ssl-capath")
KEY_PASSWORDS = ("ssl_key_password", "ssl_key_passwd")
# Those that check the host's name by themselves once they have an authority, and those that check nothing unless told.
BY_NAME, NOTHING = ("pymysql", "aiomysql", "asyncmy", "cymysql"), ("mysqlconnector",)


def options(driver: str, query: Mapping[str, str]) -> Tuple[Options, Options]:
    """The options for all of the database's programs, and those that MariaDB's alone read: as SQLAlchemy's `driver`
    takes the URL's `query`. Raises DatabaseError for what the programs cannot do."""
    if any(query.get(name) for name in KEY_PASSWORDS):
        raise DatabaseError(
            "the database URL's TLS key has a password, which the database's own programs cannot be told: "
            "use one without (0600)"
        )
    wanted = mode(driver, query)
    verifies, mode_options = wanted in (VERIFY_CA, VERIFY_IDENTITY), [("loose-ssl-mode", wanted)] if wanted else []
    if wanted == DISABLED:
        return mode_options, [("ssl", "0")]
    told = {option: query[name] for name, option in SAME.items() if query.get(name)}
    if not verifies:  # MariaDB's programs would check what they are given
        told = {option: value for option, value in told.items() if option not in AUTHORITIES}
    elif not any(option in told for option in AUTHORITIES):
        told.update(_system_authorities())
    versions = re.findall(r"TLSv1(?:\.\d)?", query.get("tls_versions") or query.get("tls_version") or "")
    everywhere = [*told.items(), *([("tls-version", ",".join(versions))] if versions else []), *mode_options]
    if wanted in (None, PREFERRED):
        return everywhere, []
    # MariaDB's programs check an authority's certificate together with the host's name, or surely not at all.
    return everywhere, [("ssl", "1"), ("ssl-verify-server-cert", str(int(verifies)))]


def mode(driver: str, query: Mapping[str, str]) -> str | None:
    """What is asked of the connection, in MySQL's words; None where the URL says nothing of it."""
    named = query.get("ssl_mode", "").upper().replace("-", "_")
    if named in MODES:
        return named
    if _is_true(query, "ssl_disabled"):
        return DISABLED
    if _is_true(query, "ssl_verify_identity"):
        return VERIFY_IDENTITY
    if "ssl_verify_cert" in query:
        return VERIFY_CA if _is_true(query, "ssl_verify_cert") else REQUIRED
    if _has_authority(query):
        if "ssl_check_hostname" in query:
            return VERIFY_IDENTITY if _is_true(query, "ssl_check_hostname") else VERIFY_CA
        return VERIFY_IDENTITY if driver in BY_NAME else REQUIRED if driver in NOTHING else VERIFY_CA
    return REQUIRED if _is_true(query, "ssl") or any(query.get(name) for name in SAME) else None


def _is_true(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in TRUE


def _has_authority(query: Mapping[str, str]) -> bool:
    return bool(query.get("ssl_ca") or query.get("ssl_capath"))


def _system_authorities() -> Dict[str, str]:
    """Those that Python's drivers go by where none are named."""
    import ssl

    paths = ssl.get_default_verify_paths()
    return {option: path for option, path in zip(AUTHORITIES, (paths.cafile, paths.capath)) if path}
