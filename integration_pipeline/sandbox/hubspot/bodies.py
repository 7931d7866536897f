"""Request bodies, as pydantic models; a body that does not fit becomes HubSpot's 400.

Shapes follow HubSpot's client library 12.0.0, which leaves unknown keys alone and sends ids as text.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.types import StrictBool, StrictFloat, StrictInt, StrictStr
from starlette.requests import Request

from integration_pipeline.sandbox.hubspot.errors import validation_error
from integration_pipeline.sandbox.hubspot.property_definitions import PropertyType

PropertyValues = dict[str, StrictStr | StrictBool | StrictInt | StrictFloat | None]


def _id_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[str, BeforeValidator(_id_text)]


class Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class ObjectId(Body):
    id: Id


class AssociationSpec(Body):
    association_category: str
    association_type_id: int


class NewAssociation(Body):
    to: ObjectId
    types: list[AssociationSpec]


class CreateObject(Body):
    properties: PropertyValues = Field(default_factory=dict)
    associations: list[NewAssociation] = Field(default_factory=list[NewAssociation])
    object_write_trace_id: str | None = None


class UpdateObject(Body):
    properties: PropertyValues


class UpdateInput(Body):
    id: Id
    id_property: str | None = None
    properties: PropertyValues = Field(default_factory=dict)
    object_write_trace_id: str | None = None


class BatchCreate(Body):
    inputs: list[CreateObject]


class BatchUpdate(Body):
    inputs: list[UpdateInput]


class BatchIds(Body):
    inputs: list[ObjectId]


class BatchRead(Body):
    inputs: list[ObjectId]
    properties: list[str] = Field(default_factory=list)
    properties_with_history: list[str] = Field(default_factory=list)
    id_property: str | None = None


class Merge(Body):
    primary_object_id: Id
    object_id_to_merge: Id


class Filter(Body):
    property_name: str
    operator: str
    value: Id | None = None
    high_value: Id | None = None
    values: list[Id] | None = None


class FilterGroup(Body):
    filters: list[Filter] = Field(default_factory=list[Filter])


class Sort(Body):
    property_name: str
    direction: str = "ASCENDING"


class Search(Body):
    filter_groups: list[FilterGroup] = Field(default_factory=list[FilterGroup])
    sorts: list[str | Sort] = Field(default_factory=list[str | Sort])
    query: str | None = None
    properties: list[str] = Field(default_factory=list)
    limit: int = 10
    after: Id | None = None


class AssociationsOf(Body):
    id: Id
    after: Id | None = None


class BatchAssociationsOf(Body):
    inputs: list[AssociationsOf]


class LabelledPair(Body):
    from_: ObjectId = Field(alias="from")
    to: ObjectId
    types: list[AssociationSpec]


class BatchLabelledPairs(Body):
    inputs: list[LabelledPair]


class Pair(Body):
    from_: ObjectId = Field(alias="from")
    to: ObjectId


class BatchPairs(Body):
    inputs: list[Pair]


class OneToMany(Body):
    from_: ObjectId = Field(alias="from")
    to: list[ObjectId]


class BatchOneToMany(Body):
    inputs: list[OneToMany]


class NewOption(Body):
    label: str
    value: str
    description: str | None = None
    hidden: bool = False
    display_order: int = -1


class NewProperty(Body):
    name: str
    label: str
    type: PropertyType
    field_type: str
    group_name: str
    description: str | None = None
    options: list[NewOption] = Field(default_factory=list[NewOption])
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = False
    display_order: int = -1


class BatchNewProperties(Body):
    inputs: list[NewProperty]


class PropertyName(Body):
    name: str


class BatchPropertyNames(Body):
    inputs: list[PropertyName]


class PropertyChange(Body):
    label: str | None = None
    description: str | None = None
    group_name: str | None = None
    options: list[NewOption] | None = None
    hidden: bool | None = None
    display_order: int | None = None


B = TypeVar("B", bound=BaseModel)


async def read_body(request: Request, model: type[B]) -> B:
    """The request's JSON as `model`; raises HubSpot's 400 for malformed JSON and for a wrong shape."""
    return parse_body(await request.body(), model)


def parse_body(raw: bytes, model: type[B]) -> B:
    try:
        return model.model_validate_json(raw or b"")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        missing = [str(e["loc"][-1]) for e in error.errors(include_url=False) if e["type"] == "missing"]
        if missing:
            raise validation_error(
                "Invalid input JSON on line 1, column 1. "
                f"Some required fields were not set: [{', '.join(missing)}]"
            ) from None
        detail = f"{first['msg']} (at {where})" if where else first["msg"]
        raise validation_error(f"Invalid input JSON on line 1, column 1: {detail}") from None


def within(inputs: list[B], most: int) -> list[B]:
    """The inputs of a batch, refused when there are none or more than HubSpot takes at once."""
    if not inputs:
        raise validation_error("The inputs of a batch request must not be empty.")
    if len(inputs) > most:
        raise validation_error(
            f"The maximum number of inputs supported in a batch request is {most}; found {len(inputs)}."
        )
    return inputs
