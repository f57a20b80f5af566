"""Known secret values never leave the server: they are replaced in everything that is told or written down."""

import json
import re
import urllib.parse

SECRET_NAME = re.compile(r"SECRET|PASS|TOKEN|KEY|URL|URI|DSN|CREDENTIAL|AUTH|SALT", re.I)
SHORTEST = 5
COVER = "••••"


class Mask:
    """Replaces every known value, also in its quoted, URL-quoted and escaped forms. Values only ever get added."""

    def __init__(self):
        self._forms = []

    def add(self, value):
        """Takes a secret (text) into account; very short ones are left, they would cover half of every word."""
        if not value or len(value) < SHORTEST:
            return
        forms = {
            value,
            repr(value)[1:-1],
            json.dumps(value)[1:-1],
            urllib.parse.quote(value),
            urllib.parse.quote(value, safe=""),
            urllib.parse.quote_plus(value),
            value.replace("'", "'\"'\"'"),
            value.replace("\\", "\\\\"),
            value.replace("\\", "\\\\").replace("'", "\\'"),
            value.replace("'", "''"),
            value.replace("%", "%%"),
        }
        self._forms = sorted(set(self._forms) | forms, key=len, reverse=True)

    def add_env(self, text):
        """Takes the values of a .env file whose names sound secret."""
        for name, value in env_pairs(text):
            if SECRET_NAME.search(name):
                self.add(value)
                for part in re.findall(r"://[^:@/]*:([^@/]+)@", value):
                    self.add(part)
                    self.add(urllib.parse.unquote(part))

    def text(self, text):
        for form in self._forms:
            text = text.replace(form, COVER)
        return text

    def value(self, value):
        """The same for any JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value


def env_pairs(text):
    """(name, value) of each assignment in a .env file, quotes taken off."""
    for line in text.splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$", line)
        if match:
            name, value = match.groups()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            else:
                value = re.split(r"\s#", value)[0].strip()
            yield name, value
