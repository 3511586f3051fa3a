"""/api/v1 with everything that it answers, and the document of it."""

from __future__ import annotations

from flask import Response

from console.api.document import as_json
from console.api.operations import bp as bp
from console.auth.permissions import public


@bp.get("/openapi.json")
@public  # it says nothing of the shop, and tools that make clients read it without a token
def openapi() -> Response:
    return Response(as_json(), mimetype="application/json")
