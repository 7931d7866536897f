"""The sales pipeline every HubSpot account starts with, and its endpoints.

Stages decide whether a deal is closed and won; `values` and `calculated` ask here.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot.clock import iso
from integration_pipeline.sandbox.hubspot.errors import JsonObject, resource_not_found
from integration_pipeline.sandbox.hubspot.object_types import DEALS, object_type

_CREATED_MS = 1_704_067_200_000


@dataclass(frozen=True, slots=True)
class Stage:
    """`probability` is HubSpot's decimal string; a closed stage is won at 1.0 and lost at 0.0."""

    id: str
    label: str
    probability: str

    @property
    def closed(self) -> bool:
        return self.probability in {"0.0", "1.0"}

    @property
    def won(self) -> bool:
        return self.probability == "1.0"

    def as_json(self, display_order: int) -> JsonObject:
        # Flags of the metadata are strings in HubSpot, "true" and "1.0".
        return {
            "label": self.label,
            "displayOrder": display_order,
            "metadata": {"isClosed": str(self.closed).lower(), "probability": self.probability},
            "id": self.id,
            "createdAt": iso(_CREATED_MS),
            "updatedAt": iso(_CREATED_MS),
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }


PIPELINE_ID = "default"
PIPELINE_LABEL = "Sales Pipeline"
STAGES = (
    Stage("appointmentscheduled", "Appointment Scheduled", "0.2"),
    Stage("qualifiedtobuy", "Qualified To Buy", "0.4"),
    Stage("presentationscheduled", "Presentation Scheduled", "0.6"),
    Stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    Stage("contractsent", "Contract Sent", "0.9"),
    Stage("closedwon", "Closed Won", "1.0"),
    Stage("closedlost", "Closed Lost", "0.0"),
)
STAGE_BY_ID = {stage.id: stage for stage in STAGES}


def _pipeline_json() -> JsonObject:
    return {
        "label": PIPELINE_LABEL,
        "displayOrder": 0,
        "id": PIPELINE_ID,
        "stages": [stage.as_json(order) for order, stage in enumerate(STAGES)],
        "createdAt": iso(_CREATED_MS),
        "updatedAt": iso(_CREATED_MS),
        "archived": False,
    }


def _require_deals(request: Request) -> None:
    if object_type(request.path_params["object_type"]) is not DEALS:
        raise resource_not_found("Pipelines are not enabled for this object type.")


def _require_pipeline(request: Request) -> None:
    _require_deals(request)
    if request.path_params["pipeline_id"] != PIPELINE_ID:
        raise resource_not_found(f"Pipeline {request.path_params['pipeline_id']} does not exist.")


async def list_pipelines(request: Request) -> Response:
    """`GET /crm/v3/pipelines/{object_type}`"""
    _require_deals(request)
    return JSONResponse({"results": [_pipeline_json()]})


async def get_pipeline(request: Request) -> Response:
    """`GET /crm/v3/pipelines/{object_type}/{pipeline_id}`"""
    _require_pipeline(request)
    return JSONResponse(_pipeline_json())


async def list_stages(request: Request) -> Response:
    """`GET /crm/v3/pipelines/{object_type}/{pipeline_id}/stages`"""
    _require_pipeline(request)
    return JSONResponse({"results": _pipeline_json()["stages"]})
