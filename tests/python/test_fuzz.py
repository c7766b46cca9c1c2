"""A schema-driven fuzzer against every operation that is served.

schemathesis makes requests out of the exchange's description, signed with the simulator's key, and
finds no 5xx and no answer that the description does not allow. Chains of requests (create an
order, then amend and cancel what came back) follow links that are added here.
"""
import copy
import os
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_schema_conformance, status_code_conformance,
)

import schemas
from conftest import MARKET
from simulator import Client, Simulator
from test_operations import served

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
CHAINS = int(os.environ.get("FUZZ_CHAINS", "25"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance,
          response_schema_conformance]

# Values that mean something here, so that requests get past the first check. Requests against the
# description have arbitrary ones in their place.
KNOWN: dict[str, list[Any]] = {
    "ticker": [MARKET, "KXBETA-26JUL01-A", "KXGAMMA-26JUL01-A", "KXNONE-26JUL01-A"],
    "market_ticker": [MARKET, "KXGAMMA-26JUL01-A"],
    "event_ticker": ["KXALPHA-26JUL01", "KXNONE-26JUL01"],
    "series_ticker": ["KXALPHA", "KXNONE"],
    "tickers": [MARKET, f"{MARKET},KXBETA-26JUL01-A"],
    "count": ["1.00", "250.00", "0.01", "0.00", "1.234", "1"],
    "price": ["0.4700", "0.5200", "0.0100", "0.9900", "0.5150", "0.055", "1.0000"],
    "reduce_by": ["1.00", "0.50", "1000.00"],
    "reduce_to": ["0.00", "2.00"],
    "exchange_index": [-1, 0, 3, 9],
    "subaccount": [0, 1, 70],
    "contracts_limit_fp": ["10.00", "0.50"],
    "contracts_limit": [10, 1000000],
    "amount_cents": [1, 100, 1 << 50],
    "amount": [1, 10000, 1 << 50],
}


def seeded(node: Any) -> Any:
    """The description with known values in place of arbitrary ones."""
    if isinstance(node, list):
        return [seeded(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: seeded(value) for key, value in node.items()}
    properties = node.get("properties")
    if isinstance(properties, dict):
        node["properties"] = properties | {
            name: {"enum": known} for name, known in KNOWN.items() if name in properties}
    name, schema = node.get("name"), node.get("schema")
    if isinstance(name, str) and isinstance(schema, dict) and schema.get("type") != "array":
        node["schema"] = {"enum": KNOWN[name]} if name in KNOWN else schema
    return node


# Which answer gives which parameter of which later request.
LINKS: dict[tuple[str, str, str], dict[str, dict[str, str]]] = {
    ("/portfolio/events/orders", "post", "201"): {
        name: {"order_id": "$response.body#/order_id"}
        for name in ("GetOrder", "GetOrderQueuePosition", "AmendOrderV2", "DecreaseOrderV2",
                     "CancelOrderV2")},
    ("/portfolio/order_groups/create", "post", "201"): {
        name: {"order_group_id": "$response.body#/order_group_id"}
        for name in ("GetOrderGroup", "DeleteOrderGroup", "ResetOrderGroup", "TriggerOrderGroup",
                     "UpdateOrderGroupLimit")},
    ("/portfolio/intra_exchange_instance_transfer", "post", "200"): {
        "GetIntraExchangeInstanceTransfer": {"transfer_id": "$response.body#/transfer_id"}},
}


def description() -> dict[str, Any]:
    """The operations that are served, with links from each to what can follow."""
    described = copy.deepcopy(schemas.openapi())
    wanted = served()
    for (path, method, status), links in LINKS.items():
        described["paths"][path][method]["responses"][status]["links"] = {
            name: {"operationId": name, "parameters": parameters}
            for name, parameters in links.items()}
    described["paths"] = {
        path: {method: operation for method, operation in methods.items()
               if method == "parameters" or operation["operationId"] in wanted}
        for path, methods in described["paths"].items()}
    described["paths"] = {path: methods for path, methods in described["paths"].items() if methods}
    described["paths"] = seeded(described["paths"])
    described["components"]["parameters"] = seeded(described["components"]["parameters"])
    parts = described["components"]["schemas"]
    described["components"]["schemas"] = {
        name: seeded(part) if name.endswith("Request") else part for name, part in parts.items()}
    return described


def names() -> list[str]:
    """The operations to fuzz; without descriptions one case that says so."""
    try:
        return sorted(served())
    except BaseException:  # pytest's own skip and failure are no Exceptions
        return ["(no description)"]


@pytest.fixture(scope="module")
def fuzzed(client: Client) -> Any:
    described = schemathesis.openapi.from_dict(description())
    described.config.update(base_url=client.rest)
    return described


@pytest.mark.parametrize("name", names())
def test_no_request_breaks_an_operation(name: str, client: Client, simulator: Simulator,
                                        fuzzed: Any) -> None:
    schemas.directory()
    operation = fuzzed.find_operation_by_id(name)
    either = st.one_of(*(operation.as_strategy(generation_mode=mode)
                         for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    seen: Counter[int] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=either)
    def fuzz(case: Any) -> None:
        answer = case.call(headers=signature(client, case), verify=client.ca_file)
        case.validate_response(answer, checks=CHECKS)
        seen[answer.status_code] += 1

    fuzz()
    print(name, dict(seen))
    assert seen.total() and set(seen) != {401}
    assert simulator.process.poll() is None


def signature(client: Client, case: Any) -> dict[str, str]:
    """The headers for whatever the fuzzer made up."""
    path = urlsplit(requests.Request("GET", client.rest + case.formatted_path).prepare().url).path
    return client.headers(case.method.upper(), path)


def test_no_chain_of_requests_breaks_the_exchange(client: Client, simulator: Simulator,
                                                  fuzzed: Any) -> None:
    seen: Counter[tuple[str, int]] = Counter()

    class Chain(fuzzed.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": signature(client, case), "verify": client.ca_file}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)
            seen[case.operation.label, response.status_code] += 1

    run_state_machine_as_test(Chain, settings=settings(
        max_examples=CHAINS, stateful_step_count=12, deadline=None, database=None,
        derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)))
    assert simulator.process.poll() is None
    followed = {label for label, status in seen if status == 200 and "{" in label}
    print(len(followed), "operations followed from an answer of another")
    assert followed, "no chain got anywhere"
