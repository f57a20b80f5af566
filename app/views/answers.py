"""How a form is answered once its row is stored."""

from flask import Response, redirect, request


def stored(row_id: int, page: str) -> Response:
    """To be called after the commit: 303 to `page`, or 201 with the row's id for a client that prefers text/plain."""
    if request.accept_mimetypes.best_match(["text/html", "text/plain"]) == "text/plain":
        return Response(str(row_id), 201, mimetype="text/plain")
    return redirect(page, 303)
