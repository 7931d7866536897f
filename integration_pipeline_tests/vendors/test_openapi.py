"""The validator itself, on a small document: it must find what is wrong and only that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline_tests.vendors.openapi import Document

DOCUMENT = Document(
    {
        "openapi": "3.0.0",
        "servers": [{"url": "https://api.vendor.example/v1"}],
        "paths": {
            "/things": {
                "parameters": [{"$ref": "#/components/parameters/tenant"}],
                "get": {
                    "parameters": [
                        {"in": "query", "name": "page", "required": True, "schema": {"type": "integer"}},
                        {"in": "query", "name": "all", "schema": {"type": "boolean"}},
                        {
                            "in": "query",
                            "name": "ids",
                            "schema": {"type": "array", "items": {"type": "string", "format": "uuid"}},
                        },
                    ],
                    "responses": {"200": {"$ref": "#/components/responses/Things"}, "4XX": {}},
                },
                "put": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "responses": {"204": {"description": "done"}},
                },
            },
            "/things/{id}": {
                "delete": {
                    "parameters": [
                        {"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}}
                    ],
                    "responses": {"204": {"description": "gone"}},
                }
            },
            "/things/all": {"delete": {"responses": {"204": {"description": "gone"}}}},
        },
        "components": {
            "parameters": {"tenant": {"in": "header", "name": "tenant", "required": True, "schema": {}}},
            "responses": {
                "Things": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
                        }
                    }
                }
            },
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "maxLength": 5},
                        "price": {"type": "number"},
                        "count": {"type": "integer"},
                        "default": {"type": "string", "enum": ["a", "b"], "nullable": True},
                        "parent": {"$ref": "#/components/schemas/Thing"},
                    },
                }
            },
        },
    }
)


@pytest.mark.parametrize(
    "thing",
    [
        {"name": "x", "price": Decimal("1.25"), "count": 3, "default": None},
        {"name": "x", "count": Decimal(3), "parent": {"name": "y", "default": "a"}},
    ],
)
def test_what_the_document_allows_has_no_problems(thing: Any) -> None:
    assert DOCUMENT.request_problems("PUT", "/v1/things", body=thing) == []
    assert DOCUMENT.response_problems("GET", "/things", 200, [thing]) == []


@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        ({}, "'name' is a required property"),
        ({"name": 5}, "name: 5 is not of type 'string'"),
        ({"name": "too long"}, "is too long"),
        ({"name": "x", "price": "1.25"}, "price: '1.25' is not of type 'number'"),
        ({"name": "x", "count": Decimal("3.5")}, "is not of type 'integer'"),
        ({"name": "x", "default": "c"}, "default: 'c' is not valid"),
        ({"name": "x", "parent": {"name": 5}}, "parent/name: 5"),
    ],
)
def test_a_wrong_value_is_found_in_requests_and_answers(thing: Any, problem: str) -> None:
    (asked,) = DOCUMENT.request_problems("PUT", "/things", body=thing)
    (answered,) = DOCUMENT.response_problems("GET", "/things", 200, [thing])
    assert problem in asked
    assert problem in answered


def test_a_field_the_document_does_not_know_is_a_problem_of_requests_only() -> None:
    thing = {"name": "x", "nmae": "y"}
    assert "'nmae' was unexpected" in DOCUMENT.request_problems("PUT", "/things", body=thing)[0]
    assert DOCUMENT.response_problems("GET", "/things", 200, [thing]) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({}, "the query parameter page is missing"),
        ({"page": "one"}, "the query parameter page may not be 'one'"),
        ({"page": "1", "pgae": "2"}, "the query parameter pgae is not in the document"),
        ({"page": "1", "all": "yes"}, "the query parameter all may not be 'yes'"),
        ({"page": "1", "ids": "1,2"}, "the query parameter ids may not be '1,2'"),
    ],
)
def test_a_wrong_parameter_is_found(query: dict[str, str], problem: str) -> None:
    assert DOCUMENT.request_problems("GET", "/things", query) == [problem]


def test_bodies_are_there_where_the_document_wants_them() -> None:
    assert DOCUMENT.request_problems("PUT", "/things") == ["the body is missing"]
    assert DOCUMENT.request_problems("GET", "/things", {"page": "1"}, {}) == ["GET /things takes no body"]


def test_a_path_with_fixed_words_is_meant_before_one_with_values() -> None:
    assert DOCUMENT.request_problems("DELETE", "/things/all") == []
    assert DOCUMENT.request_problems("DELETE", "/things/7") == []
    assert DOCUMENT.request_problems("DELETE", "/things/seven") == [
        "the path parameter id may not be 'seven'"
    ]
    assert DOCUMENT.request_problems("POST", "/things") == ["POST /things is not in the document"]


def test_a_status_the_document_does_not_name_is_a_problem() -> None:
    assert DOCUMENT.response_problems("GET", "/things", 404, "anything") == []
    assert DOCUMENT.response_problems("GET", "/things", 500, {}) == ["GET /things answers 200, 4XX, not 500"]
