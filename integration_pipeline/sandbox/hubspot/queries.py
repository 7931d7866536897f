"""What a request's URL says: paging, asked-for properties, flags.

Lists come as repeated or comma-separated parameters; HubSpot takes both, and its client library sends the
former.
"""

from __future__ import annotations

from starlette.requests import Request

from integration_pipeline.sandbox.hubspot.errors import JsonObject, validation_error


def names(request: Request, key: str) -> list[str]:
    given = request.query_params.getlist(key)
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def flag(request: Request, key: str) -> bool:
    return request.query_params.get(key, "false").lower() == "true"


def limit(request: Request, *, default: int, most: int) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
        raise validation_error(f"limit must be between 1 and {most}, not {text}.")
    return int(text)


def cursor(text: str | None) -> int:
    """The `after` of a page as a number, 0 for the first page."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise validation_error(f"The paging cursor after={text} is not valid.")
    return int(text)


def next_page(request: Request, after: int) -> JsonObject:
    """`paging` of a page that is not the last."""
    link = str(request.url.include_query_params(after=after))
    return {"next": {"after": str(after), "link": link}}
