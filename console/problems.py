"""How the API says that something went wrong: problem+json (RFC 9457), for every error under /api/v1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, current_app, request

API = "/api/v"
MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request could not be read",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "No such method here",
    406: "Not in that format",
    409: "It has changed meanwhile",
    413: "Too large",
    415: "Send JSON",
    422: "Not acceptable as it stands",
    429: "Too fast",
    500: "Something broke on our side",
    503: "Busy just now",
}
DETAILS = {
    400: "Nothing was saved. Send the request again as the document at /api/docs describes it.",
    404: "There is nothing at this address that this token can see.",
    405: "This address takes other methods: see Allow.",
    413: "What you sent is larger than this address takes. Nothing was saved; send it in parts.",
    429: "Wait as many seconds as Retry-After says, then go on.",
    500: "Nothing was half-saved. Try once more; if it happens again, report the reference.",
    503: "The database is taken by something long. Nothing was saved; try again after a moment.",
}


def is_for_api() -> bool:
    return request.path.startswith(API)


def problem(
    status: int,
    detail: str = "",
    *,
    title: str = "",
    kind: str = "about:blank",
    errors: Iterable[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """`kind` is the type's URI, `errors` pairs a field with a sentence, `more` are members of this kind alone."""
    body: dict[str, Any] = {
        "type": kind,
        "title": title or TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail or DETAILS.get(status, ""),
        "errors": [{"field": field, "message": message} for field, message in errors],
        **more,
    }
    text = current_app.json.dumps(body, sort_keys=False, ensure_ascii=False)
    return Response(text, status, headers, mimetype=MEDIA_TYPE)
