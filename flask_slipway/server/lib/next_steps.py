"""Commands that a message offers, as a person types them."""

import shlex


def on_server(site, *words):
    """The command that runs `words` on the server, as a person types it."""
    inner = " ".join(shlex.quote(word) for word in words)
    return "fab %s.workon -c %s" % (site.name, '"%s"' % inner if "'" in inner else "'%s'" % inner)


def correct(site, *keys):
    """The line that tells which keys of invoke.yaml to look at."""
    return "correct  %s  of %s in invoke.yaml" % (" or ".join("%s:" % key for key in keys), site.name)
