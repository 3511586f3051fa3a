"""The OpenAPI document, made from the operations and their models: what validates is what is written down."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import console.api.agents
import console.api.customers
import console.api.embed
import console.api.events
import console.api.gestures
import console.api.interactions
import console.api.knowledge
import console.api.notes
import console.api.promises
import console.api.utterances  # noqa: F401  every module's operations are in the document
from console.api.kept import HEADER
from console.api.operations import OPERATIONS, PLACEHOLDER, Operation, bp, template_of
from console.api.schemas import Problem
from console.problems import MEDIA_TYPE, TITLES
from console.web import LARGEST_ID

VERSION = "1.0.0"
TAGS = {
    "interactions": "Calls and chats that come in, and what is said in them.",
    "utterances": "What is said.",
    "agents": "Who talks with customers.",
    "customers": "Who is on the line.",
    "events": "What happened.",
    "notes": "What somebody wrote down about a customer.",
    "promises": "What was promised, by when.",
    "knowledge": "The passages that answer.",
    "gestures": "What may be given.",
    "embed": "The help pane in another desk's sidebar.",
}
ALWAYS = (401, 403, 422, 429, 500, 503)
REFERENCE = "#/components/schemas/{model}"


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1, as plain values."""
    models: set[type[BaseModel]] = {Problem}
    for one in OPERATIONS:
        models.update(filter(None, (one.body, one.query, *one.answers.values())))
    ordered = sorted(models, key=lambda model: model.__name__)
    modes: list[Any] = [(model, "validation" if is_sent(model) else "serialization") for model in ordered]
    schemas, definitions = models_json_schema(modes, ref_template=REFERENCE)
    by_model = {model: schemas[model, mode] for model, mode in modes}
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(template_of(one.rule), {})[one.method.lower()] = described(one, by_model, definitions)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Plus One", "version": VERSION, "description": INTRODUCTION},
        "servers": [{"url": bp.url_prefix}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": without_questions(definitions["$defs"]),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token, made at /api-tokens."}
            },
        },
    }


INTRODUCTION = f"""\
JSON in UTF-8 alone. A token goes into `Authorization: Bearer plusone_…`, acts for one user, and may do what its scopes
and that user's role both allow.

Errors are problem+json (RFC 9457) and say what to do; `errors` names each field that is wrong. Whatever is refused has
saved nothing.

Every POST takes an `{HEADER}`: the same key with the same request gets the same answer for a day, marked
`Idempotent-Replayed: true`, and does nothing twice.

Lists are paged by `cursor` and `limit`. Too many requests a minute get a 429 with `Retry-After`; `RateLimit-Remaining`
says before how many are left, until `RateLimit-Reset` seconds from now. A 503 has saved nothing either, and may be sent
again."""


def is_sent(model: type[BaseModel]) -> bool:
    return any(model in (one.body, one.query) for one in OPERATIONS)


def without_questions(schemas: dict[str, Any]) -> dict[str, Any]:
    """Query models become parameters; as schemas they would only confuse."""
    asked = {one.query.__name__ for one in OPERATIONS if one.query}
    return {name: schema for name, schema in schemas.items() if name not in asked}


def described(one: Operation, by_model: Mapping[Any, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, more = (inspect.getdoc(one.view) or "").partition("\n")
    found: dict[str, Any] = {
        "operationId": one.name,
        "summary": summary.rstrip("."),
        "description": more.strip(),
        "tags": [one.view.__module__.rpartition(".")[2]],
        "security": [{"token": [one.scope.value]}],
        "parameters": parameters(one, definitions),
        "responses": responses(one, by_model),
    }
    if one.body:
        media: dict[str, Any] = {"schema": by_model[one.body]}
        if one.example:
            media["example"] = dict(one.example)
        found["requestBody"] = {"required": True, "content": {"application/json": media}}
    return found


def parameters(one: Operation, definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    number = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": number} for name in PLACEHOLDER.findall(one.rule)
    ]
    if one.query:
        fields = definitions["$defs"][one.query.__name__]["properties"]
        found += [query_parameter(name, schema) for name, schema in fields.items()]
    if one.is_repeatable:
        schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        about = "Makes a retry harmless, such as a UUID."
        found.append(
            {"name": HEADER, "in": "header", "required": one.needs_key, "schema": schema, "description": about}
        )
    return found


def query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Left out is how a query says null."""
    schema = dict(schema)
    about = schema.pop("description", "")
    schema.pop("title", None)
    if "anyOf" in schema:
        (kind,) = [one for one in schema.pop("anyOf") if one.get("type") != "null"]
        schema = {**kind, **schema}
        about = about or schema.pop("description", "")
    if schema.get("default", 0) is None:
        del schema["default"]
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": about}


def responses(one: Operation, by_model: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, model in one.answers.items():
        found[str(status)] = {
            "description": {200: "Done.", 201: "Made; Location says where it is."}.get(status, "Done."),
            "content": {"application/json": {"schema": by_model[model]}},
        }
    refused = {*ALWAYS, *one.problems, *((400, 413, 415) if one.body else ()), *((409,) if one.is_repeatable else ())}
    schema = {"schema": by_model[Problem]}
    for status in sorted(refused):
        found[str(status)] = {"description": TITLES[status] + ".", "content": {MEDIA_TYPE: schema}}
    return found


def as_json() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
