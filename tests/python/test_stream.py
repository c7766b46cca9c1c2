"""WebSocket sessions: commands, acknowledgements, errors, numbers, and the data of each channel.

Every text frame is validated against the exchange's description of messages.
"""
import json
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

import schemas
from conftest import BOOKS, MARKET, OTHER_MARKET
from simulator import ORDERS, Client, Simulator
from test_operations import order

SEEN: set[str] = set()
Message = dict[str, Any]


class Session:
    """A connection whose frames are validated as they come."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.commands = 0

    def send(self, cmd: str, **params: Any) -> int:
        self.commands += 1
        command: Message = {"id": self.commands, "cmd": cmd}
        if params:
            command["params"] = params
        self.socket.send(json.dumps(command))
        return self.commands

    def receive(self) -> Message:
        text = self.socket.recv(timeout=10)
        assert isinstance(text, str) and text.endswith("}\n")
        message: Message = json.loads(text)
        SEEN.add(schemas.check_message(message))
        assert isinstance(message["sending_ts_ms"], int)
        return message

    def expect(self, kind: str, count: int = 1) -> list[Message]:
        messages = [self.receive() for _ in range(count)]
        assert [message["type"] for message in messages] == [kind] * count, messages
        return messages

    def silence(self) -> None:
        """Nothing more has been sent: the next frame is the answer to a question."""
        asked = self.send("list_subscriptions")
        answer = self.receive()
        assert answer.get("id") == asked and isinstance(answer["msg"], list), answer


@pytest.fixture
def session(client: Client) -> Iterator[Session]:
    with client.session() as socket:
        yield Session(socket)


def refused(session: Session, code: int) -> Message:
    [error] = session.expect("error")
    assert error["msg"]["code"] == code, error
    return error


def test_an_upgrade_needs_a_signature(client: Client) -> None:
    with (pytest.raises(InvalidStatus) as refusal,
          connect(client.ws, ssl=client.trust, proxy=None)):
        pass
    assert refusal.value.response.status_code == 401


def test_all_channels_are_acknowledged_before_any_data(session: Session) -> None:
    asked = session.send("subscribe", channels=["orderbook_delta", "trade"],
                         market_tickers=[MARKET, OTHER_MARKET], use_yes_price=True)
    first, second, *snapshots = [session.receive() for _ in range(4)]
    assert (first["id"], first["msg"]) == (asked, {"channel": "orderbook_delta", "sid": 1})
    assert (second["id"], second["msg"]) == (asked, {"channel": "trade", "sid": 2})
    assert [(it["sid"], it["seq"]) for it in snapshots] == [(1, 1), (1, 2)]
    assert snapshots[0]["msg"]["yes_dollars_fp"][-1] == ["0.4700", "300.00"]
    assert snapshots[0]["msg"]["no_dollars_fp"][-1] == ["0.5200", "300.00"]
    session.silence()


def test_every_channel_tells_of_a_trade(session: Session, client: Client) -> None:
    channels = ["orderbook_delta", "ticker", "trade", "fill", "market_positions", "user_orders"]
    session.send("subscribe", channels=channels, market_ticker=MARKET)
    acknowledged = {session.receive()["type"] for _ in range(len(channels) + 1)}
    assert acknowledged == {"subscribed", "orderbook_snapshot"}
    new = order(price="0.5200", time_in_force="immediate_or_cancel", count="2.00")
    created = client.send("POST", ORDERS, new).json()
    told = {message["type"]: message for message in (session.receive() for _ in range(6))}
    assert set(told) == {"orderbook_delta", "trade", "fill", "user_order", "market_position",
                         "ticker"}
    delta, fill = told["orderbook_delta"], told["fill"]
    assert (delta["seq"], delta["msg"]["delta_fp"], delta["msg"]["side"]) == (2, "-2.00", "no")
    assert delta["msg"]["price_dollars"] == "0.4800"
    assert fill["msg"]["order_id"] == created["order_id"]
    assert fill["msg"]["client_order_id"] == new["client_order_id"]
    assert fill["msg"]["trade_id"] == told["trade"]["msg"]["trade_id"]
    assert told["user_order"]["msg"]["status"] == "executed"
    for kind in ("fill", "user_order", "market_position", "ticker"):
        assert "seq" not in told[kind]
    session.silence()


def test_an_order_is_told_from_creation_to_cancel(session: Session, client: Client) -> None:
    session.send("subscribe", channels=["user_orders"])
    session.expect("subscribed")
    new = order(expiration_time=1 << 32)
    created = client.send("POST", ORDERS, new).json()
    path = f"{ORDERS}/{created['order_id']}"
    change = {"ticker": MARKET, "side": "bid", "price": "0.1100", "count": "12.00"}
    assert client.send("POST", f"{path}/amend", change).status_code == 200
    assert client.send("POST", f"{path}/decrease", {"reduce_to": "5.00"}).status_code == 200
    assert client.send("DELETE", path).status_code == 200
    told = [it["msg"] for it in session.expect("user_order", 4)]
    assert [it["status"] for it in told] == ["resting"] * 3 + ["canceled"]
    assert [it["remaining_count_fp"] for it in told] == ["10.00", "12.00", "5.00", "0.00"]
    reasons = [it.get("last_update_reason") for it in told]
    assert reasons == [None, "Amend", "Decrease", "Decrease"]


def test_subscriptions_grow_shrink_and_end(session: Session) -> None:
    session.send("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
    session.expect("subscribed")
    session.expect("orderbook_snapshot")
    asked = session.send("update_subscription", sid=1, action="add_markets",
                         market_tickers=[OTHER_MARKET])
    [grown] = session.expect("ok")
    assert (grown["id"], grown["sid"], grown["seq"]) == (asked, 1, 2)
    assert grown["msg"]["market_tickers"] == [MARKET, OTHER_MARKET]
    assert session.expect("orderbook_snapshot")[0]["seq"] == 3
    asked = session.send("update_subscription", sids=[1], action="get_snapshot",
                         market_ticker=MARKET)
    [snapshot] = session.expect("orderbook_snapshot")
    assert (snapshot["id"], snapshot["msg"]["market_ticker"]) == (asked, MARKET)
    session.send("update_subscription", sid=1, action="delete_markets", market_ticker=MARKET)
    assert session.expect("ok")[0]["msg"]["market_tickers"] == [OTHER_MARKET]
    session.send("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
    session.expect("ok")
    session.expect("orderbook_snapshot")
    session.send("list_subscriptions")
    assert session.expect("ok")[0]["msg"] == [{"channel": "orderbook_delta", "sid": 1}]
    asked = session.send("unsubscribe", sids=[1])
    [ended] = session.expect("unsubscribed")
    assert (ended["id"], ended["sid"], ended["seq"]) == (asked, 1, 8)
    session.silence()


def test_the_ticker_takes_market_ids_and_sends_snapshots_when_asked(session: Session) -> None:
    session.send("subscribe", channels=["ticker"], market_ticker=MARKET,
                 send_initial_snapshot=True)
    session.expect("subscribed")
    [ticker] = session.expect("ticker")
    market_id = ticker["msg"]["market_id"]
    session.send("update_subscription", sid=1, action="delete_markets", market_ids=[market_id])
    assert session.expect("ok")[0]["msg"]["market_tickers"] == []
    session.send("update_subscription", sid=1, action="add_markets", market_id=market_id)
    assert session.expect("ok")[0]["msg"]["market_tickers"] == [MARKET]
    session.send("unsubscribe", sids=[1])
    session.expect("unsubscribed")
    session.send("subscribe", channels=["ticker"], market_id=market_id, skip_ticker_ack=True)
    session.expect("subscribed")
    session.send("update_subscription", sid=2, action="add_markets", market_ticker=OTHER_MARKET)
    assert "msg" not in session.expect("ok")[0]
    session.silence()


def test_order_groups_tell_what_becomes_of_them(session: Session, client: Client) -> None:
    session.send("subscribe", channels=["order_group_updates"])
    session.expect("subscribed")
    groups = "/portfolio/order_groups"
    created = client.send("POST", f"{groups}/create", {"contracts_limit": 5}).json()
    path = f"{groups}/{created['order_group_id']}"
    client.send("PUT", f"{path}/limit", {"contracts_limit": 7})
    client.send("PUT", f"{path}/trigger")
    client.send("PUT", f"{path}/reset")
    client.send("DELETE", path)
    told = session.expect("order_group_updates", 5)
    assert [it["seq"] for it in told] == [1, 2, 3, 4, 5]
    assert [it["msg"]["event_type"] for it in told] == [
        "created", "limit_updated", "triggered", "reset", "deleted"]
    assert [it["msg"].get("contracts_limit_fp") for it in told] == [
        "5.00", "7.00", None, None, None]
    session.silence()


def test_a_market_is_followed_to_its_settlement(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        bought = order(price="0.5200", time_in_force="immediate_or_cancel")
        assert client.send("POST", ORDERS, bought).json()["fill_count"] == "10.00"
        rests = client.send("POST", ORDERS, order()).json()["order_id"]
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["market_lifecycle_v2", "user_orders"])
            session.expect("subscribed", 2)
            inject(client, f"""
                [[fault]]
                name = "market_pause"
                for_ms = 20
                market = "{MARKET}"
                [[fault]]
                name = "settle"
                at_ms = 100
                market = "{MARKET}"
                outcome = "yes"
            """)
            told = [session.receive() for _ in range(6)]
        market = [it["msg"] for it in told if it["type"] == "market_lifecycle_v2"]
        kinds = [it["event_type"] for it in market]
        assert kinds == ["deactivated", "activated", "close_date_updated", "determined", "settled"]
        assert market[3]["result"] == "yes" and market[3]["settlement_value"] == "1.0000"
        [canceled] = [it["msg"] for it in told if it["type"] == "user_order"]
        assert (canceled["order_id"], canceled["last_update_reason"]) == (rests, "HaltCancel")

        def read(path: str) -> dict[str, Any]:
            answer = client.send("GET", path)
            schemas.check_answer("GET", path.split("?")[0], answer.status_code, answer.json())
            return dict(answer.json())

        [settlement] = read("/portfolio/settlements")["settlements"]
        assert (settlement["revenue"], settlement["market_result"]) == (1000, "yes")
        assert settlement["yes_count_fp"] == "10.00" and settlement["value"] == 100
        found = read(f"/markets/{MARKET}")["market"]
        assert (found["status"], found["result"]) == ("finalized", "yes")
        assert [it["ticker"] for it in read("/markets?status=settled")["markets"]] == [MARKET]
        assert not read("/portfolio/positions")["market_positions"]
        assert read("/portfolio/positions?settlement_status=settled")["market_positions"]
        refusal = client.send("POST", ORDERS, order())
        schemas.check_answer("POST", ORDERS, refusal.status_code, refusal.json())
        assert refusal.json()["error"]["code"] == "market_inactive"


def test_new_markets_events_and_fees_are_told(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["market_lifecycle_v2"])
            session.expect("subscribed")
            inject(client, f"""
                [[fault]]
                name = "list_market"
                market = "KXDELTA-26JUL01-A"
                [[fault]]
                name = "event_fees"
                market = "{MARKET}"
                fee_type = "quadratic_with_maker_fees"
                fee_multiplier_ppm = 500000
                [[fault]]
                name = "event_fees"
                at_ms = 50
                market = "{MARKET}"
                [[fault]]
                name = "retitle"
                at_ms = 100
                market = "{MARKET}"
                yes_sub_title = "above 3"
            """)
            told = [session.receive() for _ in range(5)]
        kinds = [(it["type"], it["msg"].get("event_type")) for it in told]
        assert kinds == [("event_lifecycle", None), ("market_lifecycle_v2", "created"),
                         ("event_fee_update", None), ("event_fee_update", None),
                         ("market_lifecycle_v2", "metadata_updated")]
        assert [it["seq"] for it in told] == [1, 2, 3, 4, 5]
        event = told[0]["msg"]
        assert (event["event_ticker"], event["series_ticker"]) == ("KXDELTA-26JUL01", "KXDELTA")
        assert told[1]["msg"]["additional_metadata"]["event_ticker"] == "KXDELTA-26JUL01"
        overrides = [it["msg"]["fee_multiplier_override"] for it in told[2:4]]
        assert overrides == [0.5, None]
        assert told[4]["msg"]["yes_sub_title"] == "above 3"

        def read(path: str) -> dict[str, Any]:
            answer = client.send("GET", path)
            schemas.check_answer("GET", path.split("?")[0], answer.status_code, answer.json())
            return dict(answer.json())

        changes = read("/events/fee_changes")["event_fee_changes"]
        assert [it["fee_type_override"] for it in changes] == [None, "quadratic_with_maker_fees"]
        assert read(f"/markets/{MARKET}")["market"]["yes_sub_title"] == "above 3"
        new = order(ticker="KXDELTA-26JUL01-A")
        assert client.send("POST", ORDERS, new).status_code == 201
        assert read("/events/KXDELTA-26JUL01")["markets"][0]["status"] == "active"


def test_a_market_is_moved_disputed_and_amended(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        taken = order(price="0.5200", time_in_force="immediate_or_cancel", count="4.00")

        def read() -> dict[str, Any]:
            answer = client.send("GET", f"/markets/{MARKET}")
            schemas.check_answer("GET", f"/markets/{MARKET}", 200, answer.json())
            return dict(answer.json()["market"])

        listed = read()["updated_time"]
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["market_lifecycle_v2"])
            session.expect("subscribed")
            inject(client, f"""
                [[fault]]
                name = "fee_waiver"
                market = "{MARKET}"
                for_ms = 600000
                [[fault]]
                name = "restructure"
                market = "{MARKET}"
                price_level_structure = "deci_cent"
                [[fault]]
                name = "close_at"
                market = "{MARKET}"
                after_ms = 600000
            """)
            finer, moved = session.expect("market_lifecycle_v2", 2)
            assert finer["msg"]["event_type"] == "price_level_structure_updated"
            assert finer["msg"]["price_level_structure"] == "deci_cent"
            assert moved["msg"]["event_type"] == "close_date_updated"
            changed = read()
            assert changed["updated_time"] > listed and changed["fee_waiver_expiration_time"]
            assert changed["price_level_structure"] == "deci_cent"
            fine = client.send("POST", ORDERS, order(price="0.1050"))
            assert fine.status_code == 201, "a price between cents is valid now"
            free = client.send("POST", ORDERS, taken).json()
            assert (free["fill_count"], free["average_fee_paid"]) == ("4.00", "0.0000")

            inject(client, f"""
                [[fault]]
                name = "settle"
                market = "{MARKET}"
                outcome = "no"
                after_ms = 600000
                [[fault]]
                name = "dispute"
                at_ms = 300
                market = "{MARKET}"
                [[fault]]
                name = "amend_result"
                at_ms = 600
                market = "{MARKET}"
                outcome = "yes"
                [[fault]]
                name = "settle"
                at_ms = 900
                market = "{MARKET}"
                outcome = "no"
            """)
            closed, determined = session.expect("market_lifecycle_v2", 2)
            assert closed["msg"]["event_type"] == "close_date_updated"
            assert (determined["msg"]["event_type"], determined["msg"]["result"]) == (
                "determined", "no")
            steps = [read()]
            while (now := read())["status"] != "finalized":
                if now["status"] != steps[-1]["status"]:
                    steps.append(now)
            [settled] = session.expect("market_lifecycle_v2")
            assert settled["msg"]["event_type"] == "settled"
        assert [it["status"] for it in steps] == ["determined", "disputed", "amended"]
        assert [it["result"] for it in steps] == ["no", "no", "yes"]
        assert (now["result"], now["settlement_value_dollars"]) == ("yes", "1.0000")
        [paid] = client.send("GET", "/portfolio/settlements").json()["settlements"]
        assert (paid["revenue"], paid["market_result"]) == (400, "yes")


def test_formats_may_change_and_messages_be_late(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["fill", "user_orders"])
            session.expect("subscribed", 2)
            inject(client, """
                [[fault]]
                name = "delay_message"
                on = "fill"
                delay_ms = 300
                count = 1
                [[fault]]
                name = "changed_answer"
                on = "read"
                how = "numbers"
            """)
            taken = order(price="0.5200", time_in_force="immediate_or_cancel", count="1.00")
            assert client.send("POST", ORDERS, taken).status_code == 201
            assert [session.receive()["type"] for _ in range(2)] == ["user_order", "fill"]
            balance = client.send("GET", "/portfolio/balance").json()
            assert isinstance(balance["balance_dollars"], float)
            inject(client, """
                [[fault]]
                name = "subscription_error"
                on = "user_order"
                code = 25
                count = 1
            """)
            assert client.send("POST", ORDERS, order()).status_code == 201
            error = refused(session, 25)
            assert error["sid"] == 2
            session.send("list_subscriptions")
            assert session.expect("ok")[0]["msg"] == [{"channel": "fill", "sid": 1}]


def test_a_voided_fill_is_followed_by_position_and_balance(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        before = client.send("GET", "/portfolio/balance").json()["balance_dollars"]
        taken = order(price="0.5200", time_in_force="immediate_or_cancel")
        client.send("POST", ORDERS, taken)
        with client.session() as socket:
            session = Session(socket)
            session.send("subscribe", channels=["market_positions"])
            session.expect("subscribed")
            inject(client, "[[fault]]\nname = 'void_fill'")
            [position] = session.expect("market_position")
        assert position["msg"]["position_fp"] == "0.00"
        assert client.send("GET", "/portfolio/balance").json()["balance_dollars"] == before
        assert client.send("GET", "/portfolio/fills").json()["fills"] == []


def test_pauses_of_the_exchange_are_answered_and_shown(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        rests = client.send("POST", ORDERS, order()).json()["order_id"]
        cases = (("trading_pause", "trading_active", "trading_is_paused", 200),
                 ("exchange_pause", "exchange_active", "exchange_is_paused", 409))
        for pause, shown, code, decreased in cases:
            inject(client, f"[[fault]]\nname = '{pause}'\nfor_ms = 60000")
            until(lambda: not client.send("GET", "/exchange/status").json()[shown])
            refusal = client.send("POST", ORDERS, order())
            schemas.check_answer("POST", ORDERS, refusal.status_code, refusal.json())
            assert (refusal.status_code, refusal.json()["error"]["code"]) == (409, code)
            answer = client.send("POST", f"{ORDERS}/{rests}/decrease", {"reduce_to": "5.00"})
            assert answer.status_code == decreased
            status = client.send("GET", "/exchange/status").json()
            moves = status["intra_exchange_transfers_active"]
            across = {"source": "event_contract", "destination": "event_contract", "amount": 100,
                      "destination_exchange_shard": 3}
            within = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0,
                      "to_subaccount": 0, "amount_cents": 1}
            for path, body, done in (
                    ("/portfolio/intra_exchange_instance_transfer", across, 200),
                    ("/portfolio/subaccounts/transfer", within, 200),
                    ("/portfolio/subaccounts", {}, 201)):
                answer = client.send("POST", path, body)
                schemas.check_answer("POST", path, answer.status_code, answer.json())
                assert answer.status_code == (done if moves else 409)
                assert moves or answer.json()["error"]["code"] == "exchange_is_paused"
        assert not moves, "it was paused at last"


def test_reads_lag_when_a_fault_says_so(client: Client) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        inject(client, "[[fault]]\nname = 'read_lag'\nlag_ms = 600000")
        as_of = "/exchange/user_data_timestamp"
        started = client.send("GET", "/exchange/schedule").json()["schedule"]["standard_hours"][0]
        until(lambda: client.send("GET", as_of).json()["as_of_time"] < started["start_time"])
        created = client.send("POST", ORDERS, order()).json()["order_id"]
        assert client.send("GET", f"/portfolio/orders/{created}").status_code == 404
        assert client.send("DELETE", f"{ORDERS}/{created}").status_code == 200
        inject(client, "[[fault]]\nname = 'read_lag'\nlag_ms = 0")
        until(lambda: client.send("GET", f"/portfolio/orders/{created}").status_code == 200)


def until(happened: Callable[[], bool]) -> None:
    """Asks until the answer is yes, for as long as a failing test may take."""
    patience = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < patience


def inject(client: Client, faults: str) -> None:
    """Replaces what goes wrong; the path is beside the API and needs no signature."""
    url = client.rest.removesuffix("/trade-api/v2") + "/sim/faults"
    answer = client.http.post(url, content=textwrap.dedent(faults))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("command", "code"), [
    ("no json", 1),
    ({"id": 7, "cmd": "subscribe"}, 2),
    ({"id": 7, "cmd": "subscribe", "params": {"channels": []}}, 3),
    ({"id": 7, "cmd": "unsubscribe", "params": {}}, 4),
    ({"id": 7, "cmd": "dance", "params": {}}, 5),
    ({"id": 7, "cmd": "unsubscribe", "params": {"sids": [99]}}, 7),
    ({"id": 7, "cmd": "subscribe", "params": {"channels": ["nonsense"]}}, 8),
    ({"id": 7, "cmd": "subscribe", "params": {"channels": ["ticker"], "market_ticker": 5}}, 11),
    ({"id": 7, "cmd": "subscribe",
      "params": {"channels": ["trade"], "market_tickers": ["KXNONE-26JUL01-A"]}}, 11),
    ({"id": 7, "cmd": "update_subscription", "params": {"action": "add_markets"}}, 12),
    ({"id": 7, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
])
def test_a_wrong_command_is_answered_with_its_code(session: Session, command: Any,
                                                   code: int) -> None:
    session.socket.send(command if isinstance(command, str) else json.dumps(command))
    error = refused(session, code)
    assert error.get("id") == (None if isinstance(command, str) else 7)
    session.silence()


def test_an_update_needs_an_action_that_its_channel_has(session: Session) -> None:
    session.send("subscribe", channels=["ticker"], market_ticker=MARKET)
    session.expect("subscribed")
    session.send("update_subscription", sid=1, market_ticker=MARKET)
    refused(session, 15)
    session.send("update_subscription", sid=1, market_ticker=MARKET, action="get_snapshot")
    refused(session, 13)
    session.send("update_subscription", sid=1, action="add_markets")
    refused(session, 14)


@pytest.mark.parametrize("channel", [
    "cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"])
def test_channels_of_indices_are_unknown(session: Session, channel: str) -> None:
    session.send("subscribe", channels=[channel])
    refused(session, 8)


@pytest.mark.parametrize("channel", ["multivariate_market_lifecycle", "communications"])
def test_channels_of_combos_and_quotes_are_silent(session: Session, channel: str) -> None:
    session.send("subscribe", channels=[channel])
    session.expect("subscribed")
    session.silence()


def test_every_message_was_seen_or_is_not_sent_for_a_reason() -> None:
    assert not SEEN & set(schemas.NOT_SENT)
    assert SEEN | set(schemas.NOT_SENT) == schemas.sent()
