"""The exchange's own descriptions, as validators.

They lie beside the project, in `../shared/kalshi/`, or where KALSHI_SCHEMAS says. Without them
nothing here can tell right from wrong, so their absence is an error, unless KALSHI_SCHEMAS is
`skip`. Two things are read into them:

* `nullable` beside a `$ref`: OpenAPI 3.0 ignores it there, the exchange's generator does not.
* An answer must not have fields that its description lacks, save those in `EXTRA_FIELDS`.
"""
import copy
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from simulator import ROOT

Schema = dict[str, Any]

# Where a description and the wire differ, and the wire is followed.
EXTRA_STATUSES: dict[tuple[str, str], str] = {
    ("*", "400"): "what does not decode or validate is refused everywhere (reference 3.0)",
    ("*", "401"): "so is a signature that is there and wrong",
    ("*", "429"): "every signed request is paid for (reference 5)",
    ("CreateOrderV2", "404"): "market_not_found (reference 3.0)",
    ("CreateOrderGroup", "403"): "a subaccount that is not the key's",
    ("AmendOrderV2", "409"): "trading_is_paused, order_already_exists (reference 3.0)",
    ("DecreaseOrderV2", "409"): "exchange_is_paused (reference 3.0)",
    ("CancelOrderV2", "409"): "exchange_is_paused (reference 3.0)",
    ("CancelAllOrders", "409"): "exchange_is_paused (reference 3.0)",
    ("ApplySubaccountTransfer", "409"): "exchange_is_paused (reference 3.0)",
    ("CreateSubaccount", "409"): "exchange_is_paused (reference 3.0)",
}

# Of the three shapes of errors only one is described; the others are recorded.
ERROR_SHAPES: Schema = {
    "oneOf": [
        {  # authentication and the exchange
            "type": "object", "required": ["error"], "additionalProperties": False,
            "properties": {"error": {
                "type": "object", "required": ["code", "message"], "additionalProperties": False,
                "properties": {"code": {"type": "string", "minLength": 1},
                               "message": {"type": "string", "minLength": 1},
                               "details": {"type": "string"}}}},
        },
        {  # bodies that do not decode
            "type": "object", "required": ["code", "message"], "additionalProperties": False,
            "properties": {"code": {"type": "string"}, "message": {"type": "string"},
                           "details": {"type": "string"}},
        },
        {  # queries that do not validate
            "type": "object", "required": ["msg"], "additionalProperties": False,
            "properties": {"msg": {"type": "string", "minLength": 1}},
        },
        {  # empty buckets
            "type": "object", "required": ["error"], "additionalProperties": False,
            "properties": {"error": {"type": "string", "enum": ["too many requests"]}},
        },
    ]
}

# Fields that are recorded, or told by the changelog, but not described.
EXTRA_FIELDS: dict[str, set[str]] = {}


def directory() -> Path:
    """Where the descriptions are. Skips the calling test only when told to."""
    named = os.environ.get("KALSHI_SCHEMAS", "")
    if named == "skip":
        pytest.skip("KALSHI_SCHEMAS=skip: nothing is validated")
    place = Path(named) if named else ROOT.parent / "shared" / "kalshi"
    if not (place / "openapi.yaml").exists():
        pytest.fail(f"no openapi.yaml in {place}: conformance cannot be tested. Point "
                    "KALSHI_SCHEMAS at its directory, or set it to `skip`", pytrace=False)
    return place


@cache
def _load(name: str) -> Schema:
    with open(directory() / name, encoding="utf-8") as file:
        return yaml.load(file, Loader=yaml.CSafeLoader)


def amended(node: Any) -> Any:
    """A schema with `nullable` spelled out, for OpenAPI 3.0 and JSON Schema readers alike."""
    if isinstance(node, list):
        return [amended(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: amended(value) for key, value in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"enum": [None], "nullable": True}]}
    return node


def _closed(node: Any, name: str = "") -> Any:
    """A schema whose objects admit no fields but their own."""
    if isinstance(node, list):
        return [_closed(item, name) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value, key if key != "items" else name) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        closed["properties"] |= {field: True for field in EXTRA_FIELDS.get(name, ())}
        closed["additionalProperties"] = False
    return closed


@cache
def openapi() -> Schema:
    """The REST description with the statuses and error shapes of the wire."""
    described = copy.deepcopy(_load("openapi.yaml"))
    described["components"]["schemas"] = amended(described["components"]["schemas"])
    described["components"]["schemas"]["WireError"] = ERROR_SHAPES
    error = {"description": "recorded", "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/WireError"}}}}
    for methods in described["paths"].values():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            extra = {status for (name, status) in EXTRA_STATUSES
                     if name in ("*", operation["operationId"])}
            for status in extra | set(operation["responses"]):
                if status.startswith("4"):
                    operation["responses"][status] = error
    return described


@cache
def operations() -> dict[tuple[str, str], Schema]:
    """Everything that is described, by method and path."""
    return {(method.upper(), path): operation
            for path, methods in openapi()["paths"].items()
            for method, operation in methods.items() if method != "parameters"}


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))


def operation_of(method: str, path: str) -> tuple[str, Schema]:
    """The operation that a request asks for: its path and description."""
    known = [(named, operation) for (verb, named), operation in operations().items()
             if verb == method and _pattern(named).fullmatch(path)]
    # A literal segment beats a parameter.
    return min(known, key=lambda found: found[0].count("{"))


@cache
def _rest_validator(pointer: str) -> Draft202012Validator:
    described = openapi()
    components = {"schemas": {name: _closed(schema, name)
                              for name, schema in described["components"]["schemas"].items()}}
    return Draft202012Validator({"components": components, "$ref": pointer},
                                format_checker=FormatChecker())


def check_answer(method: str, path: str, status: int, body: Any) -> str:
    """Validates an answer; returns the operation's name."""
    _, operation = operation_of(method, path)
    name: str = operation["operationId"]
    described = operation["responses"].get(str(status))
    assert described is not None, f"{name} answers {status}, which is not described: {body}"
    content = described.get("content")
    if "$ref" in described:
        part = described["$ref"].rsplit("/", 1)[1]
        content = openapi()["components"]["responses"][part].get("content")
    if not content:
        assert body in (None, "", {}), f"{name} {status} has a body: {body}"
        return name
    pointer = content["application/json"]["schema"]["$ref"]
    errors = sorted(_rest_validator(pointer).iter_errors(body), key=lambda error: error.path)
    assert not errors, f"{name} {status}: {errors[0].json_path}: {errors[0].message}\n{body}"
    return name


@cache
def asyncapi() -> Schema:
    return _load("asyncapi.yaml")


@cache
def _stream_validator(message: str) -> Draft202012Validator:
    schemas = {name: _closed(schema, name)
               for name, schema in asyncapi()["components"]["schemas"].items()}
    pointer = asyncapi()["components"]["messages"][message]["payload"]["$ref"]
    return Draft202012Validator({"components": {"schemas": schemas}, "$ref": pointer},
                                format_checker=FormatChecker())


MESSAGES = {
    "subscribed": "subscribedResponse",
    "unsubscribed": "unsubscribedResponse",
    "error": "errorResponse",
    "orderbook_snapshot": "orderbookSnapshot",
    "orderbook_delta": "orderbookDelta",
    "ticker": "ticker",
    "trade": "trade",
    "fill": "fill",
    "market_position": "marketPosition",
    "user_order": "userOrder",
    "order_group_updates": "orderGroupUpdates",
    "market_lifecycle_v2": "marketLifecycleV2",
    "event_lifecycle": "eventLifecycle",
    "event_fee_update": "eventFeeUpdate",
    "metadata_updated": "marketMetadataUpdated",
}


# Messages to a client that no channel of this exchange has.
CONTROL = "frames of the protocol, not texts; test_background.py and the server's own tests see them"
INDICES = "values of others: subscribing to the channel is refused as unknown (8)"
COMBOS = "there are no combos; the channel is silent"
QUOTES = "there are no requests for quotes; the channel is silent"
NOT_SENT: dict[str, str] = {
    "outgoingPing": CONTROL, "outgoingPong": CONTROL,
    "cfbenchmarksValue": INDICES, "cfbenchmarksIndexList": INDICES,
    "cfbenchmarksValue5Hz": INDICES, "cfbenchmarks5HzIndexList": INDICES,
    "subscribedIndicesResponse": INDICES,
    "pythValue": INDICES, "pythUnderlyingList": INDICES, "subscribedUnderlyingsResponse": INDICES,
    "multivariateMarketLifecycle": COMBOS,
    **{name: QUOTES for name in (
        "rfqCreated", "rfqDeleted", "quoteCreated", "quoteAccepted", "quoteExecuted",
        "rfqBatchCreated", "rfqBatchDeleted", "batchQuoteCreated", "rfqBatchBestQuotes",
        "batchQuoteAccepted", "rfqBatchExecuted", "batchQuoteExecuted")},
}


def sent() -> set[str]:
    """All messages that the exchange is described to send."""
    return {message["$ref"].rsplit("/", 1)[1] for operation in asyncapi()["operations"].values()
            if operation["action"] == "send" for message in operation["messages"]}


def check_message(message: dict[str, Any]) -> str:
    """Validates a text frame of the server; returns the name of its description."""
    kind = message.get("type", "")
    if kind == "market_lifecycle_v2" and message["msg"]["event_type"] == "metadata_updated":
        # The same type on the wire, described apart.
        kind = "metadata_updated"
    if kind == "ok":
        name = "listSubscriptionsResponse" if isinstance(message.get("msg"), list) else "okResponse"
    else:
        assert kind in MESSAGES, f"a message of type {kind!r} is not described: {message}"
        name = MESSAGES[kind]
    errors = list(_stream_validator(name).iter_errors(message))
    assert not errors, f"{name}: {errors[0].json_path}: {errors[0].message}\n{message}"
    return name
