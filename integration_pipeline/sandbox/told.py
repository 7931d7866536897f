"""Bodies of the endpoints under `/_sandbox`, which no vendor has: read as a model, refused in plain words."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ADMIN_ROOT = "/_sandbox"

M = TypeVar("M", bound=BaseModel)


class Refused(HTTPException):
    """What was asked of the sandbox itself makes no sense; 400 with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)


async def told(request: Request, model: type[M]) -> M:
    """The body of a request to the sandbox itself. Raises `Refused` naming the field that is wrong."""
    try:
        return model.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        raise Refused(f"{where}: {first['msg']}") from None


async def refused(_: Request, error: Exception) -> Response:
    """The handler for `Refused`: `{"message": ...}`."""
    assert isinstance(error, Refused)  # noqa: S101 - registered for it alone
    return JSONResponse({"message": error.detail}, error.status_code)
