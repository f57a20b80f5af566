"""What a secret looks like in one line: services' tokens by their form, values by the name they are given. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

ALLOWED = "not a secret"  # in a line: a person has looked at it
LONGEST = 10_000  # signs of a line that is looked at
PRIVATE_KEY, TOKEN = "a private key", "a token"
IN_URL, VALUE = "a password in a URL", "a secret's value"

# The tokens of services, by the form that each service documents.
TOKENS = (
    r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])",  # AWS
    r"AccountKey=[\w+/]{86}==",  # Azure
    r"sk-ant-[\w-]{20,}",  # Anthropic
    r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}",  # Discord
    r"dop_v1_[0-9a-f]{64}",  # DigitalOcean
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}",  # GitHub
    r"gl(?:pat|dt|ft|soat|rt)-[\w-]{20,}",  # GitLab
    r"AIza[\w-]{35}|GOCSPX-[\w-]{28}",  # Google
    r"hf_[A-Za-z]{34}",  # Hugging Face
    r"[0-9a-f]{32}-us\d{1,2}(?!\w)",  # Mailchimp
    r"key-[0-9a-f]{32}(?!\w)",  # Mailgun
    r"npm_[A-Za-z0-9]{36}",  # npm
    r"sk-(?:proj|svcacct|admin)-[\w-]{20,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",  # OpenAI
    r"pypi-AgE[\w-]{40,}",  # PyPI
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"xox[abeprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",  # Slack
    r"sq0(?:atp|csp)-[\w-]{22,}",  # Square
    r"[rs]k_live_\w{16,}|whsec_[\w+/]{32,}",  # Stripe
    r"\d{8,10}:AA[\w-]{33}(?!\w)",  # Telegram
    r"(?:AC|SK)[0-9a-f]{32}(?!\w)",  # Twilio
)

# The end of a name that has a secret: DB_PASSWORD, app.config["SECRET_KEY"], MAIL_PASS, stripeApiKey.
NAME = (
    r"(?:password|passwd|passphrase|pwd|(?<![a-z])pass|secret|token"
    r"|(?:secret|api|private|access|auth|encryption|signing|master|service|account)_?key)[\"']?\]?\s*"
)
ANNOTATION = r"(?::\s*[\w.\[\], |]{1,40}?\s*(?==))?"  # PASSWORD: str = …
QUOTED = r"[:=]\s*b?(?P<quote>[\"'])(?P<value>[^\"'\s]{8,})(?P=quote)"
UNQUOTED = r"[:=]\s*(?P<value>[^\"'\s]{8,})\s*(?:\s[#;].*)?$"  # as files of settings have it, to the line's end
PATTERNS = {
    PRIVATE_KEY: re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    TOKEN: re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(TOKENS)})"),
    IN_URL: re.compile(r"\w://(?P<user>[^\s/:@'\"<>{}]*):(?P<value>[^\s/@'\"<>{}]+)@[\w.-]"),
    VALUE: re.compile(NAME + ANNOTATION + QUOTED, re.IGNORECASE),
}
IN_SETTINGS = re.compile(NAME + UNQUOTED, re.IGNORECASE)
SETTINGS = re.compile(r"(^|\.)(flask)?env(\.|$)|\.(ini|cfg|conf|cnf|ya?ml|properties|sh|service)$|^Dockerfile")

# A placeholder has one of these words, or is put together of them and the fillers. The longer of two comes first.
WORDS = "placeholder|development|changeme|password|insecure|hunter2|replace|example|testing|sample|passwd|change|secret"
WORDS += "|dummy|your|fake|none|null|todo|test|dev"
FILLERS = (
    "username|database|flask|super|admin|token|user|name|very|this|pass|root|tiger|the|not|key|app|pwd|pw|db|is|my|me"
)
HAS_WORD = re.compile(rf"(?<![a-z])(?:{WORDS})(?![a-z])|(?<![a-z])your|x{{4}}", re.IGNORECASE)
ALL_WORDS = re.compile(rf"{WORDS}|{FILLERS}|[\W\d_]", re.IGNORECASE)

# What only leads to a value: $NAME, {name}, %s, <here>, get(…); settings.name, OTHER_NAME, *anchor; a file's name.
CODE = re.compile(r"[$%{<(]|.*\(|os\.|[A-Za-z_]+(\.[A-Za-z_]+)+$|[A-Z]+(_[A-Z0-9]+)+$|[*&!][\w-]+$|.*://")
FILE = re.compile(r"[\w~./-]+\.(pem|key|crt|pub|txt|json|ya?ml|ini|cfg|py|html)$")
LETTERS = re.compile(r"[A-Za-z_]+$")


def of_line(text: str, path: str = "") -> str | None:
    """What kind of secret a line of the file `path` holds, or None. Without quotes a value counts in settings alone."""
    if ALLOWED in text or len(text) > LONGEST:
        return None
    for why, pattern in PATTERNS.items():
        if any(_counts(match, why) for match in pattern.finditer(text)):
            return why
    if SETTINGS.search(PurePosixPath(path).name) and any(_counts(match, VALUE) for match in IN_SETTINGS.finditer(text)):
        return VALUE
    return None


def _counts(match: re.Match[str], why: str) -> bool:
    """Whether what was found is a secret, and no word that only stands for one."""
    if why in (PRIVATE_KEY, TOKEN):
        return True
    value = match["value"]
    if CODE.match(value) or is_placeholder(value):
        return False
    if why == IN_URL:
        return not (value.isupper() or value == match["user"] or (LETTERS.match(value) and len(value) < 6))
    return not (LETTERS.match(value) or FILE.match(value))  # letters alone: more often a word than a secret


def is_placeholder(value: str) -> bool:
    """True for what stands in a secret's place: changeme, your-secret-here, test1234, ****; not for Contest2024xyz."""
    return bool(HAS_WORD.search(value)) or not ALL_WORDS.sub("", value)
