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
    r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}(?<!EXAMPLE)(?![0-9A-Za-z])",  # AWS, but for its manuals' own
    r"AccountKey=(?!Eby8vdM02xNOcqFl)[\w+/]{86}==",  # Azure, but for its emulator's own, which is in its manual
    r"sk-ant-[\w-]{20,}",  # Anthropic
    r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}",  # Discord
    r"do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    r"dckr_pat_[\w-]{20,}",  # Docker
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}",  # GitHub
    r"gl(?:pat|dt|ft|soat|rt)-[\w-]{20,}",  # GitLab
    r"AIza[\w-]{35}|GOCSPX-[\w-]{28}",  # Google
    r"hf_[A-Za-z]{34}",  # Hugging Face
    r"[0-9a-f]{32}-us\d{1,2}(?!\w)",  # Mailchimp
    r"key-[0-9a-f]{32}(?!\w)",  # Mailgun
    r"xkeysib-[0-9a-f]{64}-\w{16}",  # Brevo
    r"npm_[A-Za-z0-9]{36}",  # npm
    r"sk-(?:proj|svcacct|admin)-[\w-]{20,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",  # OpenAI
    r"pypi-AgE[\w-]{40,}",  # PyPI
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"xox[abeprs]-[\w-]{10,}|xapp-\d-\w+-\d+-\w+|hooks\.slack\.com/services/T\w+/B\w+/\w+",  # Slack
    r"sq0(?:atp|csp)-[\w-]{22,}",  # Square
    r"[rs]k_(?:live|test)_(?!4eC39HqLyjWDarj|BQokikJOvBiI2Hl)\w{16,}|whsec_[\w+/]{32,}",  # Stripe, but for its manual's
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"\d{8,10}:AA[\w-]{33}(?!\w)",  # Telegram
    r"(?:AC|SK)[0-9a-f]{32}(?!\w)",  # Twilio
)

# The end of a name that has a secret: DB_PASSWORD, app.config["SECRET_KEY"], MAIL_PASS, stripeApiKey.
NAME = (
    r"(?:password|passwd|passphrase|pswd|pwd|(?<![a-z])pw|(?<![a-z])pass|secret|token|password_?salt"
    r"|(?:secret|api|private|priv|access|auth|encryption|signing|master|service|account|client|consumer|database|db"
    r"|fernet|hmac|jwt)_?key)"
    r"(?:_?\d+|_(?:prod|production|staging|live|old|new))?[\"']?\]?"  # DB_PASSWORD_2, SECRET_KEY_PROD
)
ANNOTATION = r"(?::\s*[\w.\[\], |]{1,40}?\s*(?==))?"  # PASSWORD: str = …
SIGN = r"\s*(?:={1,3}|!==?|:=?|=>)\s*\(?\s*"
OPEN = r"[rbuf]{0,2}(?P<quote>\"{3}|'{3}|[\"'`])"
QUOTED = OPEN + r"(?P<value>[^\"'`\s]{8,})(?P=quote)"
UNQUOTED = (
    r"\s*[:=]\s*(?P<value>[^\"'\s]{8,})[\"']?\s*(?:\s[#;].*)?$"  # as files of settings have it, to the line's end
)
BEFORE_MORE = r"=(?P<value>[^\"'\s]{8,})[\"']?\s"  # and as a shell has it before a command, or another one
GETTER = r"\b(?:get|getenv|pop|setdefault|config|env)(?:\.\w+)?\(\s*[\"']\w*?"
INSTEAD = r":?-(?P<value>[^}\"'\s]{8,})\}"  # ${DB_PASSWORD:-…}
# What names a secret and is followed by it, each with the value by name.
VALUES = (
    NAME + r"\s*" + ANNOTATION + SIGN + QUOTED,
    GETTER + NAME + r"\s*,\s*(?:default\s*=\s*)?" + QUOTED,  # os.environ.get("SECRET_KEY", "…")
    NAME + r"[^\"'`]{0,40}?\s(?:or|\|\||\?\?)\s+" + QUOTED,  # os.environ.get("SECRET_KEY") or "…"
    QUOTED + r"\s*[!=]==?\s*[\w.]*?" + NAME + r"\b",  # "…" == password
    r"\bIDENTIFIED\s+(?:WITH\s+\w+\s+)?BY\s+" + QUOTED,
    r"\b(?:WITH|ENCRYPTED)\s+PASSWORD\s+" + QUOTED,  # SQL
    r";\s*(?:password|pwd)\s*=\s*(?P<value>[^;\"'\s]{8,})",  # a connection string
    r"\b(?:Bearer|Basic)\s+(?P<value>[\w.~+/-]{16,}=*)",  # a header
)
PATTERNS = (
    (PRIVATE_KEY, re.compile(r"-{4,5} ?BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)? ?-{4,5}|PuTTY-User-Key-File-\d")),
    (TOKEN, re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(TOKENS)})")),
    (IN_URL, re.compile(r"\w://(?P<user>[^\s/:@'\"<>{}]*):(?P<value>[^\s/@'\"<>{}]+)@[\w.-]")),
)
HINT = re.compile(r"pass|pw|pswd|secret|token|key|identified|bearer|basic", re.IGNORECASE)  # in each that VALUES finds
NAMED = [re.compile(pattern, re.IGNORECASE) for pattern in VALUES]
IN_SETTINGS = [re.compile(NAME + how, re.IGNORECASE) for how in (UNQUOTED, BEFORE_MORE, INSTEAD)]
SETTINGS = re.compile(
    r"(^|\.)(flask)?env(rc)?(?![a-z])|\.(ini|cfg|conf|cnf|ya?ml|properties|(ba|z|fi)?sh|bat|cmd|ps1|mk|service)$"
    r"|^(Dockerfile|Makefile|Procfile)|^\.\w+(rc|_profile|profile)$"
)
BACKUP = re.compile(
    r"(~|#|[._ -](bak|backup|old|orig|save|saved|copy|swp|swo|tmp))+$", re.IGNORECASE
)  # of an editor, a person

# A placeholder has one of these words, or is put together of them and the fillers. The longer of two comes first.
WORDS = "placeholder|development|changeme|password|insecure|hunter2|replace|example|testing|sample|passwd|change|secret"
WORDS += "|dummy|your|fake|none|null|todo|test|dev"
FILLERS = (
    "username|database|flask|super|admin|token|user|name|very|this|pass|root|tiger|the|not|key|app|pwd|pw|db|is|my|me"
)
OF_MANUALS = "Eby8vdM02xNOcqFl|.*EXAMPLEKEY$"  # Azure's emulator's, AWS's
HAS_WORD = re.compile(rf"(?<![a-z])(?:{WORDS})(?![a-z])|(?<![a-z])your|x{{4}}|^(?:{OF_MANUALS})", re.IGNORECASE)
ALL_WORDS = re.compile(rf"{WORDS}|{FILLERS}|[\W\d_]", re.IGNORECASE)

# What only leads to a value: $NAME, {name}, %s, <here>, get(…); settings.name, OTHER_NAME, *anchor; a file's name.
CODE = re.compile(
    r"[$%{<(]|[A-Za-z_][\w.]*\(.*\)$|os\.|[A-Za-z_]+(\.[A-Za-z_]+)+$|[A-Z]+(_[A-Z0-9]+)+$|[*&!][\w-]+$|.*://"
)
CALLED = re.compile(r".*\(")  # without quotes, to the first blank of it
FILE = re.compile(r"[\w~./-]+\.(pem|key|crt|pub|txt|json|ya?ml|ini|cfg|py|html)$")
LETTERS = re.compile(r"[A-Za-z_]+$")
SELECTOR = re.compile(r"[.#][A-Za-z_-]+$")  # of CSS: each copy of Bootstrap 4 has  DATA_API_KEY = '.data-api'


def of_line(text: str, path: str = "") -> str | None:
    """What kind of secret a line of the file `path` holds, or None. Without quotes a value counts in settings alone."""
    if ALLOWED in text or len(text) > LONGEST:
        return None
    for why, pattern in PATTERNS:
        if any(_counts(match, why) for match in pattern.finditer(text)):
            return why
    if not HINT.search(text):
        return None
    patterns = [*NAMED, *(IN_SETTINGS if SETTINGS.search(name_of(path)) else ())]
    return VALUE if any(_counts(match, VALUE) for one in patterns for match in one.finditer(text)) else None


def name_of(path: str) -> str:
    """A file's name, of a backup that an editor or a person made beside it the name of what it was made of."""
    name = PurePosixPath(path).name
    return BACKUP.sub("", name.removeprefix("#")) or name


def _counts(match: re.Match[str], why: str) -> bool:
    """Whether what was found is a secret, and no word that only stands for one."""
    if why in (PRIVATE_KEY, TOKEN):
        return True
    value = match["value"]
    quoted = bool(match.groupdict().get("quote"))
    if CODE.match(value) or (CALLED.match(value) and not quoted) or is_placeholder(value):
        return False
    if why == IN_URL:
        return not (value.isupper() or value == match["user"] or (LETTERS.match(value) and len(value) < 6))
    return not (
        LETTERS.match(value) or SELECTOR.match(value) or FILE.match(value)
    )  # letters alone: more often a word than a secret


def is_placeholder(value: str) -> bool:
    """True for what stands in a secret's place: changeme, your-secret-here, test1234, ****; not for Contest2024xyz."""
    return bool(HAS_WORD.search(value)) or not ALL_WORDS.sub("", value)
