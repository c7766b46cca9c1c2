"""A schema-driven fuzzer against every operation that is served.

schemathesis makes requests out of the exchange's description, signed with the simulator's key, and
finds no 5xx and no answer that the description does not allow. What is fuzzed is fuzzed twice:
with the same requests every time, and with fresh ones of a seed that is printed and can be given
back (FUZZ_SEED). Chains follow an order from its placement through its changes to its end and to
what the account says of it; others follow links that are added here.
"""
import copy
import os
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_schema_conformance, status_code_conformance,
)

import schemas
from conftest import BOOKS, FUZZ_SEED, MARKET
from simulator import Client, Simulator
from test_operations import ONLY_REFUSED, served

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
FRESH_EXAMPLES = int(os.environ.get("FUZZ_FRESH_EXAMPLES", "10"))
CHAINS = int(os.environ.get("FUZZ_CHAINS", "25"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance,
          response_schema_conformance]

# Values that mean something here, so that requests get past the first check. Requests against the
# description have arbitrary ones in their place.
KNOWN: dict[str, list[Any]] = {
    # Some operations mean an event by it.
    "ticker": [MARKET, "KXBETA-26JUL01-A", "KXGAMMA-26JUL01-A", "KXNONE-26JUL01-A",
               "KXALPHA-26JUL01"],
    "start_ts": [0, 1 << 31, -1], "end_ts": [1 << 33, 1 << 62, 0],
    "period_interval": [1, 60, 1440, 7],
    "market_ticker": [MARKET, "KXGAMMA-26JUL01-A"],
    "event_ticker": ["KXALPHA-26JUL01", "KXNONE-26JUL01"],
    "series_ticker": ["KXALPHA", "KXNONE"],
    "tickers": [MARKET, f"{MARKET},KXBETA-26JUL01-A"],
    "market_tickers": [MARKET, f"{MARKET},KXBETA-26JUL01-A,KXNONE-26JUL01-A"],
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


# Values of an order that is accepted, so that there is something to follow.
ACCEPTED: dict[str, list[Any]] = {
    "ticker": [MARKET], "market_ticker": [MARKET], "side": ["bid", "ask"],
    "count": ["3.00", "10.00", "0.50"], "price": ["0.4700", "0.5200", "0.4900", "0.1000"],
    "time_in_force": ["good_till_canceled", "good_till_canceled", "immediate_or_cancel"],
    "expiration_time": [1 << 32], "exchange_index": [0], "subaccount": [0],
    "reduce_by": ["1.00", "0.50"], "reduce_to": ["2.00", "0.25"],
}
# Left out of such an order: what it would be refused for most of the time.
UNWANTED = {"order_group_id", "reduce_only", "post_only", "expiration_time", "client_order_id",
            "updated_client_order_id"}


def seeded(node: Any, known: dict[str, list[Any]], unwanted: set[str]) -> Any:
    """The description with known values in place of arbitrary ones."""
    if isinstance(node, list):
        return [seeded(item, known, unwanted) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: seeded(value, known, unwanted) for key, value in node.items()}
    properties = node.get("properties")
    if isinstance(properties, dict):
        kept = {name: value for name, value in properties.items() if name not in unwanted}
        node["properties"] = kept | {
            name: {"enum": known[name]} for name in kept if name in known}
        if unwanted:
            node["additionalProperties"] = False
    name, schema = node.get("name"), node.get("schema")
    if isinstance(name, str) and isinstance(schema, dict) and schema.get("type") != "array":
        node["schema"] = {"enum": known[name]} if name in known else schema
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


def description(known: dict[str, list[Any]], unwanted: set[str],
                wanted: set[str]) -> dict[str, Any]:
    """The operations that are wanted, with links from each to what can follow."""
    described = copy.deepcopy(schemas.openapi())
    for (path, method, status), links in LINKS.items():
        described["paths"][path][method]["responses"][status]["links"] = {
            name: {"operationId": name, "parameters": parameters}
            for name, parameters in links.items()}
    described["paths"] = {
        path: {method: operation for method, operation in methods.items()
               if method == "parameters" or operation["operationId"] in wanted}
        for path, methods in described["paths"].items()}
    described["paths"] = {path: methods for path, methods in described["paths"].items() if methods}
    described["paths"] = seeded(described["paths"], known, unwanted)
    parameters = described["components"]["parameters"]
    described["components"]["parameters"] = seeded(parameters, known, unwanted)
    parts = described["components"]["schemas"]
    described["components"]["schemas"] = {
        name: seeded(part, known, unwanted) if name.endswith("Request") else part
        for name, part in parts.items()}
    return described


def names() -> list[str]:
    """The operations to fuzz; without descriptions one case that says so."""
    try:
        return sorted(served())
    except BaseException:  # pytest's own skip and failure are no Exceptions
        return ["(no description)"]


def load(client: Client, known: dict[str, list[Any]], unwanted: set[str],
         wanted: set[str]) -> Any:
    described = schemathesis.openapi.from_dict(description(known, unwanted, wanted))
    described.config.update(base_url=client.rest)
    return described


@pytest.fixture(scope="module")
def fuzzed(client: Client) -> Any:
    return load(client, KNOWN, set(), served())


@pytest.fixture(scope="module")
def accepted(client: Client) -> Any:
    return load(client, ACCEPTED, UNWANTED, served())


def twice(test: Callable[[Any], None], drawn: st.SearchStrategy[Any], examples: int,
          fresh: int) -> None:
    """Runs a test with what is drawn every time alike, and with what is drawn afresh."""
    usual: dict[str, Any] = {"deadline": None, "database": None, "phases": [Phase.generate],
                             "suppress_health_check": list(HealthCheck)}
    settings(max_examples=examples, derandomize=True, **usual)(given(drawn)(test))()
    seed(FUZZ_SEED)(settings(max_examples=fresh, **usual)(given(drawn)(test)))()


@pytest.mark.parametrize("name", names())
def test_no_request_breaks_an_operation(name: str, client: Client, simulator: Simulator,
                                        fuzzed: Any, accepted: Any) -> None:
    schemas.directory()
    operation = fuzzed.find_operation_by_id(name)
    either = st.one_of(*(operation.as_strategy(generation_mode=mode)
                         for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    seen: Counter[int] = Counter()

    def fuzz(case: Any) -> None:
        seen[called(client, case).status_code] += 1

    twice(fuzz, either, EXAMPLES, FRESH_EXAMPLES)
    print(name, dict(seen))
    if "{" not in operation.path and name not in ONLY_REFUSED:
        if not granted(seen):
            # Luck seldom makes all of an order right: these are made to be accepted.
            twice(fuzz, accepted.find_operation_by_id(name).as_strategy(), EXAMPLES,
                  FRESH_EXAMPLES)
        assert granted(seen), seen
    assert seen.total() and set(seen) != {401}
    assert simulator.process.poll() is None


def granted(seen: Counter[int]) -> bool:
    """Whether a request was answered with a 2xx."""
    return any(200 <= status < 300 for status in seen)


def called(client: Client, case: Any) -> Any:
    """The answer to a request, which is as described."""
    answer = case.call(headers=signature(client, case), verify=client.ca_file)
    case.validate_response(answer, checks=CHECKS)
    return answer


def signature(client: Client, case: Any) -> dict[str, str]:
    """The headers for whatever the fuzzer made up."""
    path = urlsplit(requests.Request("GET", client.rest + case.formatted_path).prepare().url).path
    return client.headers(case.method.upper(), path)


# What an order may meet on its way, and what is asked about it afterwards.
CHANGES = ["GetOrder", "GetOrderQueuePosition", "AmendOrderV2", "DecreaseOrderV2"]
AFTERWARDS = ["CancelOrderV2", "GetOrder", "GetOrders", "GetFills", "GetPositions", "GetBalance"]


def test_an_order_can_be_followed_to_its_end(client: Client, simulator: Simulator,
                                             accepted: Any) -> None:
    schemas.directory()
    strategies = {name: accepted.find_operation_by_id(name).as_strategy()
                  for name in {"CreateOrderV2", *CHANGES, *AFTERWARDS}}
    seen: Counter[tuple[str, int]] = Counter()

    def follow(name: str, data: Any, placed: dict[str, Any], order_id: str) -> Any:
        case = data.draw(strategies[name])
        if "order_id" in (case.path_parameters or {}):
            case.path_parameters["order_id"] = order_id
        if name == "GetFills":
            case.query = {"order_id": order_id}
        if name == "AmendOrderV2" and isinstance(case.body, dict):
            case.body |= {"ticker": placed["ticker"], "side": placed["side"]}
        answer = called(client, case)
        seen[name, answer.status_code] += 1
        return answer

    def walk(data: Any) -> None:
        create = data.draw(strategies["CreateOrderV2"])
        created = called(client, create)
        seen["CreateOrderV2", created.status_code] += 1
        if created.status_code != 201:
            return
        order_id = created.json()["order_id"]
        changes = data.draw(st.lists(st.sampled_from(CHANGES), min_size=2, max_size=6))
        for name in [*changes, *AFTERWARDS]:
            follow(name, data, create.body, order_id)
        ended = follow("GetOrder", data, create.body, order_id).json()["order"]
        assert ended["status"] in ("canceled", "executed"), ended
        fills = follow("GetFills", data, create.body, order_id).json()["fills"]
        filled = sum(Decimal(fill["count_fp"]) for fill in fills)
        assert filled == Decimal(ended["fill_count_fp"]), (fills, ended)

    twice(walk, st.data(), CHAINS, CHAINS)
    print(dict(seen))
    assert simulator.process.poll() is None
    followed = {name for name, status in seen if 200 <= status < 300}
    assert followed == {"CreateOrderV2", *CHANGES, *AFTERWARDS}, seen
    assert seen["CreateOrderV2", 201] >= CHAINS, "most orders are accepted"


# Where links begin and where they lead: chains of anything else seldom meet them.
LINKED = {"CreateOrderV2", "CreateOrderGroup", "IntraExchangeInstanceTransfer"} | {
    name for links in LINKS.values() for name in links}

# What chains must have got to through an answer that named it.
FOLLOWED = {
    "GET /portfolio/orders/{order_id}", "GET /portfolio/orders/{order_id}/queue_position",
    "POST /portfolio/events/orders/{order_id}/amend",
    "POST /portfolio/events/orders/{order_id}/decrease",
    "DELETE /portfolio/events/orders/{order_id}",
}


def test_no_chain_of_requests_breaks_the_exchange() -> None:
    schemas.directory()
    # One of its own: what others have done to the account must not decide how far chains get.
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        accepted = load(client, ACCEPTED, UNWANTED, LINKED)
        seen: Counter[tuple[str, int]] = Counter()

        class Chain(accepted.as_state_machine()):  # type: ignore[misc]
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
    print(len(followed), "operations followed from an answer of another:", sorted(followed))
    assert followed >= FOLLOWED, seen
