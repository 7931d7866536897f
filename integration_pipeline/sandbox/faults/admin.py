"""Endpoints under `/_sandbox/faults`: set rules, look at them, end them. They meet no fault themselves."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.faults.plan import FaultPlan
from integration_pipeline.sandbox.faults.rules import RuleSet
from integration_pipeline.sandbox.hubspot.bodies import read_body


async def put_faults(request: Request) -> Response:
    """`PUT /_sandbox/faults`: `{"seed", "rules": [...]}` replaces all rules; counting starts anew."""
    plan = _plan(request)
    plan.replace(await read_body(request, RuleSet))
    return JSONResponse(plan.report())


async def get_faults(request: Request) -> Response:
    """`GET /_sandbox/faults`: the rules, each with how often it `matched` and `fired`."""
    return JSONResponse(_plan(request).report())


async def end_faults(request: Request) -> Response:
    """`DELETE /_sandbox/faults`: no rules any more. A request that hangs goes on hanging."""
    _plan(request).replace(RuleSet())
    return Response(status_code=204)


def _plan(request: Request) -> FaultPlan:
    return cast("FaultPlan", request.app.state.faults)
