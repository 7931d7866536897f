"""Endpoints under `/_sandbox/faults`: set rules, look at them, end them. They meet no fault themselves."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.faults.plan import FaultPlan
from integration_pipeline.sandbox.faults.rules import RuleSet, Throttle
from integration_pipeline.sandbox.faults.wording import Wording
from integration_pipeline.sandbox.told import Refused, told


async def put_faults(request: Request) -> Response:
    """`PUT /_sandbox/faults`: `{"seed", "rules": [...]}` replaces all rules; counting starts anew."""
    plan = _plan(request)
    rules = await told(request, RuleSet)
    wording = cast("Wording", request.app.state.wording)
    for rule in rules.rules:
        policy = rule.fault.policy if isinstance(rule.fault, Throttle) else None
        if policy is not None and not wording.known_policy(policy):
            raise Refused(f"rule {rule.name!r} names the limit {policy!r}, which this vendor has not")
    plan.replace(rules)
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
