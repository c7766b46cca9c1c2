"""Faults injected while the exchange runs, as a client sees them.

Each has an exchange of its own, with one order resting and a session that hears of orders, fills
and markets. Where a fault strikes once, what comes next must be right again.
"""
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

import schemas
from conftest import BOOKS, MARKET, OTHER_MARKET
from simulator import ORDERS, Client, Simulator
from test_operations import order
from test_stream import Message, Session, inject

RESTING = f"/portfolio/orders?ticker={MARKET}&status=resting"
PATIENCE_S = 1.0
# A case takes a second or two; whoever still waits then is cut off, and fails.
CASE_S = 40.0


@dataclass
class Stage:
    """What a fault is played on."""

    client: Client
    session: Session
    rests: str

    def create(self, new: dict[str, Any]) -> Message:
        answer = self.client.send("POST", ORDERS, new)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def read(self, path: str) -> Message:
        answer = self.client.send("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def landed(self, new: dict[str, Any]) -> str:
        """The id of the one resting order that a request made, by the id that its client chose."""
        [found] = [it for it in self.read(RESTING)["orders"]
                   if it["client_order_id"] == new["client_order_id"]]
        return str(found["order_id"])

    def told_of(self, order_id: str, *statuses: str) -> list[Message]:
        """The next messages are of this order and say this."""
        told = [it["msg"] for it in self.session.expect("user_order", len(statuses))]
        assert [(it["order_id"], it["status"]) for it in told] == [
            (order_id, status) for status in statuses]
        return told

    def take(self, messages: int) -> tuple[str, list[Message]]:
        """Buys one contract at once: its trade, and the fills that so many messages tell of."""
        taken = self.create(order(price="0.5200", count="1.00",
                                  time_in_force="immediate_or_cancel"))
        assert taken["fill_count"] == "1.00"
        [fill] = self.read(f"/portfolio/fills?order_id={taken['order_id']}")["fills"]
        told = [self.session.receive() for _ in range(messages)]
        assert [it["msg"]["order_id"] for it in told] == [taken["order_id"]] * messages
        fills = [it for it in told if it["type"] == "fill"]
        assert [it["type"] for it in told if it not in fills] == ["user_order"]
        self.session.silence()
        return str(fill["trade_id"]), fills


def no_order_id(stage: Stage) -> None:
    new = order()
    answer = stage.create(new)
    assert "order_id" not in answer and answer["remaining_count"] == "10.00"
    stage.told_of(stage.landed(new), "resting")
    again = order()
    assert stage.create(again)["order_id"] == stage.landed(again)


def wrong_order_id(stage: Stage) -> None:
    new = order()
    named, landed = stage.create(new)["order_id"], stage.landed(new)
    assert named not in (landed, stage.rests)
    assert stage.client.send("GET", f"/portfolio/orders/{named}").status_code == 404
    assert stage.client.send("DELETE", f"{ORDERS}/{named}").status_code == 404
    stage.told_of(landed, "resting")
    again = order()
    assert stage.create(again)["order_id"] == stage.landed(again)


def short_page(stage: Stage) -> None:
    newer = stage.create(order())["order_id"]
    short = stage.read(f"{RESTING}&limit=1")
    assert [it["order_id"] for it in short["orders"]] == [newer] and short["cursor"] == ""
    whole = stage.read(f"{RESTING}&limit=1")
    assert whole["orders"] == short["orders"] and whole["cursor"]
    rest = stage.read(f"{RESTING}&limit=1&cursor={whole['cursor']}")
    assert [it["order_id"] for it in rest["orders"]] == [stage.rests]


def lost_response(stage: Stage) -> None:
    new = order()
    stage.client.http.timeout = httpx.Timeout(20, read=PATIENCE_S)
    with pytest.raises(httpx.ReadTimeout):
        stage.client.send("POST", ORDERS, new)
    stage.client.http.timeout = httpx.Timeout(20)
    stage.told_of(stage.landed(new), "resting")
    refusal = stage.client.send("POST", ORDERS, new)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (409, "order_already_exists")
    stage.create(order())


def lost_message(stage: Stage) -> None:
    _, fills = stage.take(messages=1)
    assert not fills
    trade, fills = stage.take(messages=2)
    assert [it["msg"]["trade_id"] for it in fills] == [trade]


def duplicate(stage: Stage) -> None:
    trade, fills = stage.take(messages=3)
    assert [it["msg"]["trade_id"] for it in fills] == [trade] * 2 and fills[0] == fills[1]
    [position] = stage.read(f"/portfolio/positions?ticker={MARKET}")["market_positions"]
    assert position["position_fp"] == "1.00", "it happened once"
    trade, fills = stage.take(messages=2)
    assert [it["msg"]["trade_id"] for it in fills] == [trade]


def close(stage: Stage) -> None:
    [closed] = stage.session.expect("market_lifecycle_v2")
    assert closed["msg"]["event_type"] == "close_date_updated"
    assert closed["msg"]["market_ticker"] == MARKET
    assert stage.read(f"/markets/{MARKET}")["market"]["status"] == "closed"
    refusal = stage.client.send("POST", ORDERS, order())
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (400, "market_inactive")
    [canceled] = stage.told_of(stage.rests, "canceled")
    assert canceled["last_update_reason"] == "CloseCancel"
    assert stage.client.send("DELETE", f"{ORDERS}/{stage.rests}").status_code == 404
    assert not stage.read(RESTING)["orders"]


def cancel_all_tail(stage: Stage) -> None:
    # The new title comes after the tail and is told: from here on the tail is there.
    [retitled] = stage.session.expect("market_lifecycle_v2")
    assert retitled["msg"]["event_type"] == "metadata_updated"
    before = stage.create(order())["order_id"]
    stage.told_of(before, "resting")
    assert stage.client.send("DELETE", ORDERS).status_code == 204
    ended = [it["msg"] for it in stage.session.expect("user_order", 2)]
    assert [(it["order_id"], it["status"]) for it in ended] == [
        (stage.rests, "canceled"), (before, "canceled")]
    after = stage.create(order())
    assert after["remaining_count"] == "10.00", "it is accepted first"
    stage.told_of(after["order_id"], "resting", "canceled")
    assert not stage.read(RESTING)["orders"]


def drop_before(stage: Stage) -> None:
    new = order()
    with pytest.raises(httpx.TransportError):
        stage.client.send("POST", ORDERS, new)
    assert [it["order_id"] for it in stage.read(RESTING)["orders"]] == [stage.rests]
    again = stage.create(new)
    stage.told_of(again["order_id"], "resting")


def server_error(stage: Stage) -> None:
    new = order()
    answer = stage.client.send("POST", ORDERS, new)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "gateway_timeout")
    stage.told_of(stage.landed(new), "resting")


def close_after(stage: Stage) -> None:
    answer = stage.client.send("POST", ORDERS, order())
    assert (answer.status_code, answer.headers["connection"]) == (201, "close")
    assert "connection" not in stage.client.send("POST", ORDERS, order()).headers


def late_answer(stage: Stage) -> None:
    new = order()
    began = time.monotonic()
    landed = stage.create(new)["order_id"]
    assert time.monotonic() - began >= 0.3
    assert landed == stage.landed(new)


def seq_gap(stage: Stage) -> None:
    stage.session.send("subscribe", channels=["orderbook_delta"], market_ticker=OTHER_MARKET)
    stage.session.expect("subscribed")
    [snapshot] = stage.session.expect("orderbook_snapshot")
    numbers = [snapshot["seq"]]
    # The first change of the book is not told.
    for messages in (1, 2, 2):
        stage.create(order(ticker=OTHER_MARKET))
        told = [stage.session.receive() for _ in range(messages)]
        numbers += [it["seq"] for it in told if it["type"] == "orderbook_delta"]
    assert numbers == [1, 3, 4]


def clear(client: Client) -> None:
    url = client.rest.removesuffix("/trade-api/v2") + "/sim/faults"
    answer = client.http.delete(url)
    assert (answer.status_code, answer.json()) == (200, {"faults": [], "seed": 0})


def cleared_tail(stage: Stage) -> None:
    stage.session.expect("market_lifecycle_v2")
    clear(stage.client)
    assert stage.client.send("DELETE", ORDERS).status_code == 204
    stage.told_of(stage.rests, "canceled")
    after = [stage.create(order())["order_id"] for _ in range(8)]
    for order_id in after:
        stage.told_of(order_id, "resting")
    # A tail would have taken each of them within a second.
    assert late(stage.session) is None
    assert {it["order_id"] for it in stage.read(RESTING)["orders"]} == set(after)


def late(session: Session) -> Message | None:
    """What comes although nothing should."""
    try:
        return dict(json.loads(session.socket.recv(timeout=1.2)))
    except TimeoutError:
        return None


def cleared_lag(stage: Stage) -> None:
    stage.session.expect("market_lifecycle_v2")
    hidden = stage.create(order())["order_id"]
    assert hidden not in {it["order_id"] for it in stage.read(RESTING)["orders"]}
    clear(stage.client)
    assert hidden in {it["order_id"] for it in stage.read(RESTING)["orders"]}
    seen = stage.create(order())["order_id"]
    assert seen in {it["order_id"] for it in stage.read(RESTING)["orders"]}


def cleared_pause(stage: Stage) -> None:
    stage.session.expect("market_lifecycle_v2")
    refusal = stage.client.send("POST", ORDERS, order())
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (409, "trading_is_paused")
    clear(stage.client)
    stage.create(order())


def forbidden(stage: Stage) -> None:
    new = order()
    refusal = stage.client.send("POST", ORDERS, new)
    schemas.check_answer("POST", ORDERS, 403, refusal.json())
    error = refusal.json()["error"]
    assert refusal.status_code == 403
    assert error["code"].startswith("Your_location_attestation_for_API_trading_is_missing")
    assert error["code"].endswith("_and_then_retry.")
    assert error["message"] == error["code"].replace("_", " ")
    assert stage.create(new)["remaining_count"] == "10.00", "it had not landed"


def market_pause(stage: Stage) -> None:
    [paused] = stage.session.expect("market_lifecycle_v2")
    assert (paused["msg"]["event_type"], paused["msg"]["market_ticker"]) == ("deactivated", MARKET)
    refusal = stage.client.send("POST", ORDERS, order())
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (400, "MARKET_NOT_ACTIVE")
    assert stage.read(RESTING)["orders"], "what rests stays through the pause"
    assert stage.create(order(ticker=OTHER_MARKET))["remaining_count"] == "10.00"
    stage.session.expect("user_order")
    [back] = stage.session.expect("market_lifecycle_v2")
    assert back["msg"]["event_type"] == "activated"
    [canceled] = stage.told_of(stage.rests, "canceled")
    assert canceled["last_update_reason"] == "HaltCancel"
    stage.told_of(stage.create(order())["order_id"], "resting")


def ends(session: Session) -> float:
    """When the connection is gone, without a close of the protocol."""
    with pytest.raises(ConnectionClosedError) as gone:
        session.socket.recv(timeout=10)
    assert gone.value.rcvd is None, "nobody said goodbye"
    return time.monotonic()


def cut(stage: Stage) -> None:
    ends(stage.session)
    assert stage.read(RESTING)["orders"], "requests go over a new connection"
    with stage.client.session() as socket:
        again = Session(socket)
        again.send("subscribe", channels=["user_orders"])
        again.expect("subscribed")
        stage.create(order())
        again.expect("user_order")


def connection_lifetime(stage: Stage) -> None:
    with pytest.raises(ConnectionClosed):
        stage.session.socket.recv(timeout=10)
    began = time.monotonic()
    with stage.client.session() as socket:
        socket.send('{"id":1,"cmd":"list_subscriptions"}')
        assert json.loads(socket.recv(timeout=10))["msg"] == [], "a new one works"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
    assert time.monotonic() - began >= LIFETIME_S * 0.9, "and lives as long"


def clock_skew(stage: Stage) -> None:
    stage.session.expect("market_lifecycle_v2")
    # The exchange is a minute ahead: whoever signs with the right time is late.
    refusal = stage.client.send("GET", RESTING)
    assert refusal.status_code == 401
    assert refusal.json()["error"]["code"] == "header_timestamp_expired"
    ahead = stage.client.headers("GET", "/trade-api/v2/portfolio/orders", SKEW_MS)
    assert stage.client.send("GET", RESTING, headers=ahead).status_code == 200
    clear(stage.client)
    assert stage.client.send("GET", RESTING).status_code == 200


def silent_stream(stage: Stage) -> None:
    created = stage.create(order())["order_id"]
    asked = stage.session.send("list_subscriptions")
    assert stage.session.socket.ping().wait(10), "it answers pings"
    assert late(stage.session) is None, f"neither the order nor command {asked} is told of"
    assert stage.read(f"/portfolio/orders/{created}")["order"]["status"] == "resting"
    with stage.client.session() as socket:
        again = Session(socket)
        again.send("subscribe", channels=["user_orders"])
        again.expect("subscribed")


def slow_read(stage: Stage) -> None:
    began = time.monotonic()
    slow = stage.read(RESTING)
    took = time.monotonic() - began
    pieces = -(-len(json.dumps(slow, separators=(",", ":"))) // 64)
    assert took >= pieces * 0.02 * 0.9, "it comes piece by piece"
    assert slow == stage.read(RESTING), "and whole"


LIFETIME_S = 0.8
SKEW_MS = 60_000
ONCE = "count = 1"

# Told after the faults before it have begun, since those of one moment come in their order.
THEN_TOLD = f"""
[[fault]]
name = 'retitle'
yes_sub_title = 'it has begun'
market = '{MARKET}'
"""

# A fault's name, its other keys, and what a client sees of it.
EFFECTS: list[tuple[str, str, Callable[[Stage], None]]] = [
    ("no_order_id", ONCE, no_order_id),
    ("wrong_order_id", ONCE, wrong_order_id),
    ("short_page", ONCE, short_page),
    ("lost_response", ONCE, lost_response),
    ("lost_message", ONCE, lost_message),
    ("duplicate", f"on = 'fill'\n{ONCE}", duplicate),
    ("close", f"market = '{MARKET}'", close),
    ("cancel_all_tail", THEN_TOLD, cancel_all_tail),
    ("cancel_all_tail", THEN_TOLD, cleared_tail),
    ("read_lag", f"lag_ms = 600000{THEN_TOLD}", cleared_lag),
    ("trading_pause", f"for_ms = 600000{THEN_TOLD}", cleared_pause),
    ("drop_before", f"on = 'create'\n{ONCE}", drop_before),
    ("server_error", f"on = 'create'\nstatus = 504\nphase = 'after'\n{ONCE}", server_error),
    ("close_after", f"on = 'create'\n{ONCE}", close_after),
    ("delay", f"on = 'create'\nphase = 'after'\ndelay_ms = 300\n{ONCE}", late_answer),
    ("seq_gap", ONCE, seq_gap),
    ("forbidden", ONCE, forbidden),
    ("market_pause", f"market = '{MARKET}'\nfor_ms = 1500", market_pause),
    ("cut", "", cut),
    ("connection_lifetime", f"lifetime_ms = {LIFETIME_S * 1000:.0f}", connection_lifetime),
    ("clock_skew", f"skew_ms = {SKEW_MS}{THEN_TOLD}", clock_skew),
    ("silent_stream", ONCE, silent_stream),
    ("slow_read", f"on = 'read'\npiece_bytes = 64\ndelay_ms = 20\n{ONCE}", slow_read),
]


@pytest.mark.parametrize(("name", "keys", "effect"), EFFECTS,
                         ids=[effect.__name__ for _, _, effect in EFFECTS])
def test_a_fault_has_its_effect(name: str, keys: str, effect: Callable[[Stage], None]) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        bound = Timer(CASE_S, simulator.process.kill)
        bound.daemon = True
        bound.start()
        try:
            play(simulator.client(), f"[[fault]]\nname = '{name}'\n{keys}", effect)
        finally:
            bound.cancel()


def play(client: Client, fault: str, effect: Callable[[Stage], None]) -> None:
    with client.session() as socket:
        session = Session(socket)
        session.send("subscribe", channels=["fill", "user_orders", "market_lifecycle_v2"])
        session.expect("subscribed", 3)
        stage = Stage(client, session, resting_order(client))
        stage.told_of(stage.rests, "resting")
        inject(client, fault)
        effect(stage)


# From a file as live: something for a request, for a message, and at a time.
FILE = f"""
seed = 3
[[fault]]
name = 'too_many_requests'
on = 'create'
first = 2
count = 1
[[fault]]
name = 'duplicate'
on = 'fill'
count = 1
[[fault]]
name = 'close'
market = '{OTHER_MARKET}'
"""


def test_faults_of_a_file_strike_from_the_start(tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(FILE, encoding="utf-8")
    with Simulator("--still-quotes", "--faults", str(faults), books=BOOKS) as simulator:
        client = simulator.client()
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["fill", "user_orders", "market_lifecycle_v2"])
            session.expect("subscribed", 3)
            stage = Stage(client, session, resting_order(client))
            stage.told_of(stage.rests, "resting")
            refusal = client.send("POST", ORDERS, order())
            assert (refusal.status_code, refusal.json()) == (429, {"error": "too many requests"})
            trade, fills = stage.take(messages=3)
            assert [it["msg"]["trade_id"] for it in fills] == [trade] * 2
            closed = client.send("GET", f"/markets/{OTHER_MARKET}").json()["market"]
            assert closed["status"] == "closed"


def resting_order(client: Client) -> str:
    return str(client.send("POST", ORDERS, order()).json()["order_id"])
