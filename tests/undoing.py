"""The button beside what was just done."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient


def undone(client: FlaskClient, page: str) -> str:
    """The page that comes of taking it back."""
    form = re.search(r'<form class="alert good" method="post" action="([^"]+)">(.*?)</form>', page, re.DOTALL)
    assert form and "Undo" in form[2]
    fields = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form[2])}
    return client.post(form[1], data=fields, follow_redirects=True).text
