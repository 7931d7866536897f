"""How an org tells of its objects: `sobjects` and `describe`."""

from __future__ import annotations

from integration_pipeline.sandbox.salesforce.rendering import JsonObject
from integration_pipeline.sandbox.salesforce.schema.fields import NUMBERS, Field, FieldType, SObject

_SOAP_TYPES = {
    FieldType.ID: "tns:ID",
    FieldType.REFERENCE: "tns:ID",
    FieldType.BOOLEAN: "xsd:boolean",
    FieldType.INT: "xsd:int",
    FieldType.DOUBLE: "xsd:double",
    FieldType.CURRENCY: "xsd:double",
    FieldType.PERCENT: "xsd:double",
    FieldType.DATE: "xsd:date",
    FieldType.DATETIME: "xsd:dateTime",
}


def summary(kind: SObject, root: str) -> JsonObject:
    """An object in the list of all. `root` is `/services/data/v67.0`."""
    base = f"{root}/sobjects/{kind.name}"
    return {
        "name": kind.name,
        "label": kind.label,
        "labelPlural": kind.plural,
        "keyPrefix": kind.prefix,
        "custom": kind.name.endswith("__c"),
        "createable": kind.writable,
        "updateable": kind.writable,
        "deletable": kind.writable,
        "undeletable": kind.writable,
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def described(kind: SObject, root: str) -> JsonObject:
    """One object with its fields and its children."""
    return {
        **summary(kind, root),
        "fields": [_field(each) for each in kind.fields.values()],
        "childRelationships": [
            {
                "childSObject": each.child,
                "field": each.reference,
                "relationshipName": each.name,
                "cascadeDelete": each.cascades,
                "deprecatedAndHidden": False,
            }
            for each in kind.children
        ],
    }


def _field(field: Field) -> JsonObject:
    is_number = field.type in NUMBERS
    return {
        "name": field.name,
        "label": field.label or field.name,
        "type": field.type.value,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "custom": field.is_custom,
        "calculated": field.calculated,
        "nillable": not field.required and field.type is not FieldType.BOOLEAN,
        "createable": "create" in field.writes,
        "updateable": "update" in field.writes,
        "filterable": field.is_filterable,
        "sortable": field.is_filterable,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.type is FieldType.ID,
        "unique": field.unique,
        "length": 0 if is_number else field.length,
        "precision": field.precision if is_number and field.type is not FieldType.INT else 0,
        "digits": field.precision if field.type is FieldType.INT else 0,
        "scale": field.scale,
        "restrictedPicklist": field.restricted,
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relationship,
        "picklistValues": [
            {
                "value": choice.value,
                "label": choice.label or choice.value,
                "active": True,
                "defaultValue": choice.default,
                "validFor": None,
            }
            for choice in field.choices
        ],
    }
