"""Every operation is touched, and every answer is what the exchange's description says.

Operations that the simulated exchange lacks are listed with the reason, so that a new one in the
description fails here until somebody decides.
"""
import time
import uuid
from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

import schemas
from conftest import BOOKS, MARKET, OTHER_MARKET
from simulator import ORDERS, Client, Simulator

COMMUNICATIONS = "requests for quotes and block trades are not order flow of this engine"
FCM = "for clearing members"
CONTENT = "content of the web site, not of trading"
SHARDS = "money lies where it is moved: how much a rebalancing may move is not published"
KEYS = "keys are files of the simulated exchange, made when it starts; they can be listed"
COMBOS = "there are no combos here, so none can be asked for a market"
FORECASTS = "what the web site makes of the markets of numbers, and nowhere said how"

NOT_SERVED: dict[str, str] = {
    "GetEventForecastPercentilesHistory": FORECASTS,
    "CreateMarketInMultivariateEventCollection": COMBOS,
    "CreateApiKey": KEYS, "GenerateApiKey": KEYS, "DeleteApiKey": KEYS,
    "GetTargetBalanceAllocation": SHARDS, "SetTargetBalanceAllocation": SHARDS,
}
NOT_SERVED_UNDER: dict[str, str] = {
    "/communications/": COMMUNICATIONS, "/fcm/": FCM, "/search/": CONTENT, "/live_data/": CONTENT,
    "/structured_targets": CONTENT,
}

# What can only be refused here: nothing is old enough to be in the historical tier, and there are
# neither combos nor milestones.
ONLY_REFUSED = {"GetHistoricalMarket", "GetMarketCandlesticksHistorical", "GetMilestone",
                "GetMultivariateEventCollection"}


def served() -> set[str]:
    """The operations that this exchange has."""
    return {operation["operationId"] for (_, path), operation in schemas.operations().items()
            if operation["operationId"] not in NOT_SERVED
            and not any(path.startswith(root) for root in NOT_SERVED_UNDER)}


def order(**changes: Any) -> dict[str, Any]:
    """An order that rests far from the best price, unless changed."""
    return {
        "ticker": MARKET, "client_order_id": str(uuid.uuid4()), "side": "bid", "count": "10.00",
        "price": "0.1000", "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross", "exchange_index": 0,
    } | changes


class Checked:
    """A client that validates whatever it gets and counts what it got."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seen: Counter[tuple[str, int]] = Counter()

    def __call__(self, method: str, path: str, body: Any = None, *, expect: int = 200,
                 headers: dict[str, str] | None = None) -> Any:
        answer = self.client.send(method, path, body, headers)
        content = answer.json() if answer.content else None
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {content}"
        name = schemas.check_answer(method, urlsplit(path).path, answer.status_code, content)
        self.seen[name, answer.status_code] += 1
        return content


@pytest.fixture(scope="module")
def call(client: Client) -> Checked:
    return Checked(client)


def test_exchange_and_account(call: Checked) -> None:
    assert call("GET", "/exchange/status", headers={})["exchange_active"] is True
    call("GET", "/exchange/schedule")
    call("GET", "/exchange/user_data_timestamp")
    assert call("GET", "/account/endpoint_costs", headers={})["default_cost"] == 10
    assert call("GET", "/account/limits")["usage_tier"] == "basic"
    call("GET", "/account/api_usage_level/volume_progress")
    call("GET", "/account/limits", expect=401, headers={})
    keys = call("GET", "/api_keys")["api_keys"]
    assert call.client.key_id in [key["api_key_id"] for key in keys] and len(keys) == 2
    call("GET", "/api_keys", expect=401, headers={})
    call("GET", "/historical/cutoff")


def test_markets_events_and_series(call: Checked) -> None:
    markets = call("GET", "/markets?limit=3", headers={})
    assert len(markets["markets"]) == 3 and markets["cursor"]
    rest = call("GET", f"/markets?limit=3&cursor={markets['cursor']}")
    assert len(rest["markets"]) == 1 and rest["cursor"] == ""
    assert call("GET", "/markets?status=open&event_ticker=KXALPHA-26JUL01")["markets"]
    assert not call("GET", "/markets?status=settled")["markets"]
    assert not call("GET", "/markets?max_close_ts=1")["markets"]
    call("GET", "/markets?status=nonsense", expect=400)
    call("GET", "/markets?limit=1001", expect=400)
    call("GET", "/markets?min_close_ts=x", expect=400)
    assert call("GET", f"/markets/{MARKET}")["market"]["yes_bid_dollars"] == "0.4700"
    call("GET", "/markets/KXNONE-26JUL01-A", expect=404)
    book = call("GET", f"/markets/{MARKET}/orderbook?depth=1")["orderbook_fp"]
    assert book == {"yes_dollars": [["0.4700", "300.00"]], "no_dollars": [["0.4800", "300.00"]]}
    call("GET", "/markets/KXNONE-26JUL01-A/orderbook", expect=404)
    call("GET", f"/markets/{MARKET}/orderbook?depth=101", expect=400)
    books = call("GET", f"/markets/orderbooks?tickers={MARKET}&tickers={OTHER_MARKET}")
    assert [book["ticker"] for book in books["orderbooks"]] == [MARKET, OTHER_MARKET]
    call("GET", "/markets/orderbooks", expect=400)

    assert len(call("GET", "/events")["events"]) == 3
    nested = call("GET", "/events?with_nested_markets=true&series_ticker=KXALPHA")["events"]
    assert [len(event["markets"]) for event in nested] == [2]
    call("GET", "/events?limit=201", expect=400)
    assert len(call("GET", "/events/KXALPHA-26JUL01")["markets"]) == 2
    call("GET", "/events/KXNONE-26JUL01", expect=404)
    call("GET", "/events/KXALPHA-26JUL01/metadata")
    call("GET", "/events/KXNONE-26JUL01/metadata", expect=404)
    call("GET", "/events/fee_changes")
    assert len(call("GET", "/series?include_volume=true")["series"]) == 3
    assert call("GET", "/series/KXBETA")["series"]["fee_type"] == "quadratic_with_maker_fees"
    call("GET", "/series/KXNONE", expect=400)
    call("GET", "/series/fee_changes")
    call("GET", "/historical/markets")
    call("GET", f"/historical/markets/{MARKET}", expect=404)
    call("GET", "/historical/trades")


def test_orders_from_creation_to_cancel(call: Checked) -> None:
    new = order()
    created = call("POST", ORDERS, new, expect=201)
    assert created["remaining_count"] == "10.00" and "average_fill_price" not in created
    call("POST", ORDERS, new, expect=409)
    path = f"{ORDERS}/{created['order_id']}"
    same = {"ticker": MARKET, "side": "bid"}
    amended = call("POST", f"{path}/amend", same | {"price": "0.1100", "count": "12.00"})
    assert amended["remaining_count"] == "12.00"
    call("POST", f"{path}/amend", same | {"price": "0.1150", "count": "12.00"}, expect=400)
    call("POST", f"{ORDERS}/{uuid.uuid4()}/amend", same | {"price": "0.1100", "count": "1.00"},
         expect=404)
    assert call("POST", f"{path}/decrease", {"reduce_by": "2.00"})["remaining_count"] == "10.00"
    assert call("POST", f"{path}/decrease", {"reduce_to": "3.00"})["remaining_count"] == "3.00"
    call("POST", f"{path}/decrease", {"reduce_by": "1.00", "reduce_to": "1.00"}, expect=400)
    call("POST", f"{ORDERS}/{uuid.uuid4()}/decrease", {"reduce_to": "1.00"}, expect=404)
    assert call("GET", f"/portfolio/orders/{created['order_id']}")["order"]["status"] == "resting"
    call("GET", f"/portfolio/orders/{uuid.uuid4()}", expect=404)
    queue = f"/portfolio/orders/{created['order_id']}/queue_position"
    assert call("GET", queue)["queue_position_fp"] == "800.00"
    positions = call("GET", f"/portfolio/orders/queue_positions?market_tickers={MARKET}")
    assert [row["queue_position_fp"] for row in positions["queue_positions"]] == ["800.00"]
    value = call("GET", "/portfolio/summary/total_resting_order_value")
    assert value["total_resting_order_value"] == 33
    assert call("DELETE", f"{path}?market_ticker={MARKET}")["reduced_by"] == "3.00"
    call("DELETE", path, expect=404)
    call("GET", queue, expect=404)
    listed = call("GET", "/portfolio/orders?status=canceled&limit=1")["orders"]
    assert listed[0]["order_id"] == created["order_id"]
    call("GET", "/portfolio/orders?limit=0x10", expect=400)
    call("DELETE", ORDERS, expect=204)


def test_fills_positions_and_balance(call: Checked) -> None:
    before = call("GET", "/portfolio/balance")["balance_dollars"]
    taken = call("POST", ORDERS, order(price="0.9900", time_in_force="immediate_or_cancel"),
                 expect=201)
    assert taken["fill_count"] == "10.00" and taken["average_fill_price"] == "0.5200"
    [fill] = call("GET", f"/portfolio/fills?order_id={taken['order_id']}")["fills"]
    assert fill["is_taker"] is True and fill["fee_cost"] == "0.174800"
    [position] = call("GET", f"/portfolio/positions?ticker={MARKET}")["market_positions"]
    assert position["position_fp"] == "10.00"
    after = call("GET", "/portfolio/balance")["balance_dollars"]
    assert Decimal(before) - Decimal(after) == Decimal("5.3748")
    trades = call("GET", f"/markets/trades?ticker={MARKET}&limit=1", headers={})["trades"]
    assert trades[0]["trade_id"] == fill["trade_id"]
    call("GET", "/markets/trades?limit=1001", expect=400)
    for path in ("/portfolio/settlements", "/portfolio/deposits", "/portfolio/withdrawals",
                 "/historical/orders", "/historical/fills", "/historical/positions"):
        call("GET", path)
        call("GET", f"{path}?limit=5000", expect=400)
    call("POST", "/account/api_usage_level/upgrade", expect=201)
    assert call("GET", "/account/limits")["usage_tier"] == "advanced"


def test_candlesticks_tell_what_was_traded(call: Checked) -> None:
    def candles(path: str, minutes: int = 1, start: int = 0, more: str = "",
                expect: int = 200) -> Any:
        end = int(time.time()) + 86_400
        asked = f"{path}start_ts={start}&end_ts={end}&period_interval={minutes}{more}"
        return call("GET", asked, expect=expect, headers={})

    take = order(ticker=OTHER_MARKET, price="0.2500", time_in_force="immediate_or_cancel")
    assert call("POST", ORDERS, take, expect=201)["fill_count"] == "10.00"
    market = f"/series/KXALPHA/markets/{OTHER_MARKET}/candlesticks?"
    for minutes in (1, 60, 1440):
        *_, last = candles(market, minutes)["candlesticks"]
        assert last["end_period_ts"] % (60 * minutes) == 0
        assert (last["volume_fp"], last["open_interest_fp"]) == ("10.00", "10.00")
        assert last["price"]["close_dollars"] == last["price"]["mean_dollars"] == "0.2500"
        assert last["yes_bid"]["close_dollars"] == "0.2000"
        assert last["yes_ask"]["close_dollars"] == "0.2500"
    before = candles(market, 1, int(time.time()) + 3_600, "&include_latest_before_start=true")
    assert [it["price"]["previous_dollars"] for it in before["candlesticks"]] == ["0.2500"]
    several = f"/markets/candlesticks?market_tickers={MARKET},{OTHER_MARKET},KXNONE-26JUL01-A&"
    told = candles(several, 5)["markets"]
    assert [it["market_ticker"] for it in told] == [MARKET, OTHER_MARKET]
    assert told[1]["candlesticks"][-1]["volume_fp"] == "10.00"
    event = candles("/series/KXALPHA/events/KXALPHA-26JUL01/candlesticks?", 60)
    assert event["market_tickers"] == [MARKET, OTHER_MARKET]
    assert event["market_candlesticks"][1][-1]["volume_fp"] == "10.00"
    candles(market, 7, expect=400)
    candles(f"/series/KXBETA/markets/{OTHER_MARKET}/candlesticks?", expect=404)
    candles("/series/KXALPHA/events/KXNONE-26JUL01/candlesticks?", expect=400)
    candles(f"/historical/markets/{MARKET}/candlesticks?", expect=404)
    call("GET", f"{market}start_ts=1&end_ts=2", expect=400)
    call("GET", "/markets/candlesticks?start_ts=1&end_ts=2&period_interval=1", expect=400)


def test_what_there_is_none_of_is_an_empty_list(call: Checked) -> None:
    assert call("GET", "/events/multivariate?limit=10")["events"] == []
    collections = "/multivariate_event_collections"
    assert call("GET", f"{collections}?status=open")["multivariate_contracts"] == []
    call("GET", f"{collections}/KXMVE-NONE", expect=404)
    assert call("GET", "/incentive_programs?type=volume")["incentive_programs"] == []
    assert call("GET", "/milestones?limit=5")["milestones"] == []
    call("GET", "/milestones/none", expect=404)
    for wrong in ("/incentive_programs?status=x", "/milestones?limit=501",
                  f"{collections}?limit=201"):
        call("GET", wrong, expect=400)


def test_a_decrease_beyond_what_rests_says_so(call: Checked) -> None:
    rests = f"{ORDERS}/{call('POST', ORDERS, order(), expect=201)['order_id']}"
    for beyond in ({"reduce_by": "10.01"}, {"reduce_to": "10.01"}):
        error = call("POST", f"{rests}/decrease", beyond, expect=400)["error"]
        assert error == {"code": "invalid_order", "message": "invalid order",
                         "details": "decrease exceeds the remaining count"}
    below = {"ticker": MARKET, "side": "bid", "price": "0.1000", "count": "0.00"}
    call("POST", f"{rests}/decrease", {"reduce_to": "4.00"})
    assert call("POST", f"{rests}/amend", below)["remaining_count"] == "0.00"


def test_batches_answer_each_item(call: Checked) -> None:
    batch = {"orders": [order(), order(price="0.1050"), order(ticker="KXNONE-26JUL01-A")]}
    answers = call("POST", f"{ORDERS}/batched", batch, expect=201)["orders"]
    codes = [answer["error"] and answer["error"]["code"] for answer in answers]
    assert codes == [None, "invalid_price", "market_not_found"]
    cancels = {"orders": [{"order_id": answers[0]["order_id"], "market_ticker": MARKET},
                          {"order_id": str(uuid.uuid4())}]}
    canceled = call("DELETE", f"{ORDERS}/batched", cancels)["orders"]
    assert [answer["reduced_by"] for answer in canceled] == ["10.00", "0.00"]
    call("POST", f"{ORDERS}/batched", {"orders": "none"}, expect=400)
    call("DELETE", f"{ORDERS}/batched", {}, expect=400)


def test_order_groups_stop_their_orders(call: Checked) -> None:
    groups = "/portfolio/order_groups"
    for wrong in ({}, {"contracts_limit": -1}, {"contracts_limit": 1, "contracts_limit_fp": "2.00"},
                  {"contracts_limit_fp": "1000000.01"}, {"contracts_limit": "1"},
                  {"contracts_limit": 1, "subaccount": 40}):
        call("POST", f"{groups}/create", wrong, expect=400)
    created = call("POST", f"{groups}/create", {"contracts_limit": 5}, expect=201)
    path = f"{groups}/{created['order_group_id']}"
    assert [row["id"] for row in call("GET", groups)["order_groups"]] == [created["order_group_id"]]
    call("PUT", f"{path}/limit", {"contracts_limit_fp": "10.00"})
    in_group = {"order_group_id": created["order_group_id"]}
    rests = call("POST", ORDERS, order(**in_group), expect=201)["order_id"]
    found = call("GET", path)
    assert (found["orders"], found["contracts_limit_fp"]) == ([rests], "10.00")
    assert call("GET", f"/portfolio/orders/{rests}")["order"]["order_group_id"] == path[-36:]
    take = order(price="0.6000", count="11.00", time_in_force="immediate_or_cancel", **in_group)
    call("POST", ORDERS, take, expect=201)
    assert call("GET", path)["orders"] == []
    refused = call("POST", ORDERS, order(**in_group), expect=400)
    assert refused["error"]["code"] == "exceeded_order_group_risk_limit"
    call("PUT", f"{path}/reset", {})
    call("POST", ORDERS, order(**in_group), expect=201)
    call("PUT", f"{path}/trigger")
    call("PUT", f"{path}/reset")
    call("GET", f"{path}?subaccount=9", expect=404)
    call("DELETE", path)
    for method, lost in (("GET", path), ("DELETE", path), ("PUT", f"{path}/reset"),
                         ("PUT", f"{path}/trigger")):
        call(method, lost, expect=404)
    call("PUT", f"{path}/limit", {"contracts_limit": 1}, expect=404)
    call("PUT", f"{path}/limit?exchange_index=x", {"contracts_limit": 1}, expect=404)
    call("POST", ORDERS, order(**in_group), expect=404)
    assert not call("GET", "/portfolio/orders?status=resting")["orders"]


def test_money_moves_between_accounts_and_shards(call: Checked) -> None:
    assert call("POST", "/portfolio/subaccounts", expect=201)["subaccount_number"] == 1
    assert call("POST", "/portfolio/subaccounts", {}, expect=201)["subaccount_number"] == 2
    move = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1,
            "amount_cents": 5000}
    call("POST", "/portfolio/subaccounts/transfer", move)
    call("POST", "/portfolio/subaccounts/transfer", move, expect=400)
    for wrong in ({"amount_cents": 0}, {"to_subaccount": 9}, {"amount_cents": 1 << 40},
                  {"client_transfer_id": "x"}, {"from_subaccount": None}, {"exchange_index": 9}):
        fresh = move | {"client_transfer_id": str(uuid.uuid4())} | wrong
        call("POST", "/portfolio/subaccounts/transfer", fresh, expect=400)
    assert call("GET", "/portfolio/balance?subaccount=1")["balance_dollars"] == "50.0000"
    rows = call("GET", "/portfolio/subaccounts/balances")["subaccount_balances"]
    assert [row["balance"] for row in rows if row["subaccount_number"] == 1][0] == "50.0000"
    [moved] = call("GET", "/portfolio/subaccounts/transfers?limit=5")["transfers"]
    assert moved["amount_cents"] == 5000
    call("PUT", "/portfolio/subaccounts/netting", {"subaccount_number": 1, "enabled": False})
    netting = call("GET", "/portfolio/subaccounts/netting")["netting_configs"]
    assert [row["enabled"] for row in netting] == [True, False, True]
    call("PUT", "/portfolio/subaccounts/netting", {"subaccount_number": 1, "enabled": 3},
         expect=400)

    there = order(subaccount=1)
    rests = call("POST", ORDERS, there, expect=201)["order_id"]
    call("DELETE", f"{ORDERS}/{rests}", expect=404)
    call("DELETE", f"{ORDERS}?subaccount=2", expect=204)
    assert call("GET", "/portfolio/orders?status=resting&subaccount=1")["orders"]
    call("DELETE", f"{ORDERS}/{rests}?subaccount=1")
    call("POST", ORDERS, order(subaccount=3), expect=400)

    far = {"ticker": "KXGAMMA-26JUL01-A", "exchange_index": 3}
    assert call("POST", ORDERS, order(**far), expect=400)["error"]["code"] == "insufficient_balance"
    across = {"source": "event_contract", "destination": "event_contract", "amount": 100_000,
              "destination_exchange_shard": 3, "client_transfer_id": str(uuid.uuid4())}
    instance = "/portfolio/intra_exchange_instance_transfer"
    moved = call("POST", instance, across)["transfer_id"]
    call("POST", instance, across, expect=409)
    call("POST", instance, across | {"destination": "margined"}, expect=400)
    assert call("GET", f"{instance}s")["transfers"][0]["amount"] == "10.0000"
    assert call("GET", f"{instance}s/{moved}")["transfer"]["destination_exchange_shard"] == 3
    call("GET", f"{instance}s/{uuid.uuid4()}", expect=404)
    call("GET", f"{instance}s?limit=501", expect=400)
    rests = call("POST", ORDERS, order(**far), expect=201)["order_id"]
    call("DELETE", f"{ORDERS}/{rests}", expect=404)
    call("DELETE", f"{ORDERS}/{rests}?exchange_index=3")
    balance = call("GET", "/portfolio/balance?exchange_index=3")
    assert balance["balance_dollars"] == "10.0000"


@pytest.mark.parametrize(("changes", "status", "code"), [
    ({"price": "0.5150"}, 400, "invalid_price"),
    ({"price": "0.0000"}, 400, "invalid_price"),
    ({"price": "1.0000"}, 400, "invalid_price"),
    ({"count": "0.00"}, 400, "invalid_order_size"),
    ({"count": "1.001"}, 400, "invalid_parameters"),
    ({"count": 1}, 400, "bad_request"),
    ({"side": "yes"}, 400, "invalid_parameters"),
    ({"ticker": "KXNONE-26JUL01-A"}, 404, "market_not_found"),
    ({"ticker": None}, 400, "missing_parameters"),
    ({"self_trade_prevention_type": None}, 400, "missing_parameters"),
    ({"count": "100000.00", "price": "0.4000"}, 400, "insufficient_balance"),
    ({"price": "0.9900", "post_only": True}, 400, "invalid_order"),
    ({"price": "0.5200", "count": "301.00", "time_in_force": "fill_or_kill"}, 409,
     "fill_or_kill_insufficient_resting_volume"),
    ({"reduce_only": True}, 400, "invalid_parameters"),
    ({"expiration_time": 1}, 400, "invalid_parameters"),
    ({"expiration_time": 1 << 40, "time_in_force": "immediate_or_cancel"}, 400,
     "invalid_parameters"),
])
def test_an_order_is_refused_with_its_code(call: Checked, changes: dict[str, Any], status: int,
                                           code: str) -> None:
    body = call("POST", ORDERS, order(**changes), expect=status)
    assert (body.get("error") or body)["code"] == code
    assert not call("GET", "/portfolio/orders?status=resting")["orders"]


def test_every_operation_was_touched_or_is_left_out_for_a_reason(call: Checked) -> None:
    described = {operation["operationId"] for operation in schemas.operations().values()}
    assert set(NOT_SERVED) <= described
    answered = {name for (name, status) in call.seen if status < 300}
    refused = {name for (name, status) in call.seen if status == 404}
    assert served() - answered == ONLY_REFUSED and refused >= ONLY_REFUSED
    print(f"{sum(call.seen.values())} answers of {len(served())} operations validated, "
          f"{len(described) - len(served())} operations not served")


def test_a_tier_is_held_to_its_buckets(client: Client) -> None:
    with Simulator("--still-quotes", "--tier", "basic", books=BOOKS) as simulator:
        client = simulator.client()
        limits = client.send("GET", "/account/limits").json()
        assert limits["write"]["bucket_capacity"] == 100
        answers = [client.send("POST", ORDERS, order()) for _ in range(40)]
        kinds = Counter(answer.status_code for answer in answers)
        # A hundred tokens at once and a hundred a second; an order costs ten.
        assert kinds[201] >= 10 and kinds[429] > 0 and set(kinds) == {201, 429}, kinds
        refused = next(answer for answer in answers if answer.status_code == 429)
        schemas.check_answer("POST", ORDERS, 429, refused.json())
        assert refused.json() == {"error": "too many requests"}
        assert "retry-after" not in refused.headers
        # Reads and cancels have budgets of their own.
        assert client.send("GET", "/portfolio/orders").status_code == 200
