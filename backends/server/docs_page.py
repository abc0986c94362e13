"""The page that describes the service: one HTML file without scripts, from the OpenAPI document."""

from collections.abc import Awaitable, Callable, Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

#: keys of a field's schema that are shown beside its type
SHOWN_KEYS = ("enum", "pattern", "minimum", "maximum", "default", "const", "description")
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem 1rem .2rem 0;text-align:left;vertical-align:top}}
code{{overflow-wrap:anywhere}}</style><h1>{title}</h1>
<p>{description} Machines read <a href="openapi.json">openapi.json</a>.</p>
"""


def create_docs_route(app: FastAPI) -> Callable[[], Awaitable[HTMLResponse]]:
    """Return the route that describes all others."""

    async def describe_service() -> HTMLResponse:
        return HTMLResponse("".join(_draw(app.openapi())))

    return describe_service


def _draw(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield HEAD.format(title=escape(info["title"]), description=escape(info["description"]))
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(call['description'])}</p>"
            yield from _draw_call(call)
    yield "<h1>Bodies</h1>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<h2 id="{name}">{name}</h2><pre>{escape(schema.get("description", ""))}</pre>'
        yield _draw_rows(
            (field, _name_type(kind)) for field, kind in schema.get("properties", {}).items()
        )


def _draw_call(call: dict[str, Any]) -> Iterator[str]:
    contents = call.get("requestBody", {}).get("content", {}).values()
    yield _draw_rows(
        [
            *((field["name"], _name_type(field["schema"])) for field in call.get("parameters", ())),
            *(("the body", _name_type(content["schema"])) for content in contents),
        ]
    )
    yield _draw_rows(
        (status, " ".join([escape(answer["description"]), *_list_bodies(answer)]))
        for status, answer in call["responses"].items()
    )


def _list_bodies(answer: dict[str, Any]) -> Iterator[str]:
    for media_type, content in answer.get("content", {}).items():
        yield _name_type(content["schema"]) if content.get("schema") else escape(media_type)


def _draw_rows(rows: Any) -> str:
    drawn = (f"<tr><th>{escape(name)}<td>{cell}" for name, cell in rows)
    return f"<table>{''.join(drawn)}</table>"


def _name_type(schema: dict[str, Any]) -> str:
    """Return the type of a field as HTML, with its limits."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_name_type(choice) for choice in schema["anyOf"])
    words = [schema.get("type", "")]
    words += [f"{key}: {value}" for key, value in schema.items() if key in SHOWN_KEYS]
    return f"<code>{escape(', '.join(words))}</code>"
