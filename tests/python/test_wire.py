"""The session that was recorded at the exchange, played again at the simulated one.

`wire/` beside the descriptions has each answer with the request that caused it. The requests are
sent again in the recorded order; the answers must have the same status, the same shape and the
same fields, and where the recorded account's history does not matter the same values. Ids and
times differ by nature.
"""
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

import schemas
from simulator import ORDERS, Client, Simulator

TICKER = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP"
BOOKS = f"{TICKER},linear_cent,quadratic,0,,0.47:3,0.48:3\n"
ROOT = "/trade-api/v2"

# How far an answer must agree: in every value, or in its fields.
Agreement = Literal["values", "fields"]

CASES: dict[str, Agreement] = {
    "auth__balance_ok": "fields",  # the recorded account had traded before
    "auth__skew_minus5s": "fields",
    "auth__skew_plus5s": "fields",
    "auth__skew_minus30s": "values",
    "auth__skew_plus5min": "values",
    "auth__bad_signature": "values",
    "auth__unknown_key_id": "values",
    "auth__missing_signature_header": "values",
    "markets__status_open": "fields",  # other markets
    "markets__limit_over_max": "values",
    "markets__single_filter_lastpage": "fields",  # rules and titles
    "markets__single": "fields",
    "orderbook__base": "values",
    "series__fee_changes": "values",
    "account__endpoint_costs": "fields",  # costs of endpoints that are gone since
    "account__limits": "fields",  # read buckets have grown since (reference 5)
    "exchange__status": "values",
    "orders__create_v2_maker": "values",
    "orders__duplicate_client_order_id": "values",
    "orders__get_after_create": "values",
    "orders__cancel_v2": "values",
    "orders__cancel_already_canceled": "values",
    "orders__cancel_unknown_id": "values",
    "orders__create_v2_taker_ioc": "values",
    "orders__cancel_executed": "values",
    "fills__after_taker": "fields",  # the recorded account had other fills
    "portfolio__positions": "fields",
    "portfolio__orders_list": "fields",
    "orders__insufficient_balance": "values",
    "orders__invalid_price_structure": "values",
    "orders__numeric_field_types": "values",
    "orders__post_only_cross": "values",
    "orders__stp_setup": "values",
    "orders__settlement_seed": "values",
    "ws__orderbook_trade_noleg": "fields",  # what others did is not ours to repeat
    "settlements__end_of_session": "values",
    "trades__public_recorded": "fields",  # another market
}

LEFT_OUT: dict[str, str] = {
    "markets__high_temp": "the request is not recorded",
}

# Recorded fields that the exchange has dropped since, or that describe the world outside, by case
# and place. What lies under an excused field is excused with it.
SERVICE = "removed from errors on 2026-08-06 (reference 3.0)"
NOT_DESCRIBED = "not in the description any more"
ABOUT = "what that market is about"
COMBOS = "combos"
GONE: dict[tuple[str, str], str] = {
    **{(f"orders__{name}", ".error.service"): SERVICE for name in (
        "cancel_already_canceled", "cancel_executed", "cancel_unknown_id",
        "duplicate_client_order_id", "insufficient_balance", "invalid_price_structure")},
    ("portfolio__positions", ".market_positions[].resting_orders_count"): NOT_DESCRIBED,
    **{(case, f"{market}.{name}"): why
       for case, market in (("markets__single", ".market"),
                            ("markets__single_filter_lastpage", ".markets[]"),
                            ("markets__status_open", ".markets[]"))
       for name, why in (
           ("fractional_trading_enabled", "all markets have it since 2026-07-09 (reference 3.7)"),
           ("liquidity_dollars", NOT_DESCRIBED), ("response_price_units", NOT_DESCRIBED))},
    ("markets__single", ".market.custom_strike.tennis_competitor"): ABOUT,
    ("markets__single_filter_lastpage", ".markets[].custom_strike.tennis_competitor"): ABOUT,
    **{("markets__status_open", f".markets[].{name}"): ABOUT for name in (
        "floor_strike", "primary_participant_key", "custom_strike.baseball_player",
        "custom_strike.baseball_team", "custom_strike.tennis_competitor")},
    **{("markets__status_open", f".markets[].{name}"): COMBOS for name in (
        "mve_collection_ticker", "mve_selected_legs", "custom_strike.Associated Events",
        "custom_strike.Associated Markets", "custom_strike.Associated Market Sides",
        "custom_strike.Multivariate Event Ticker")},
    ("markets__status_open", ".markets[].is_provisional"): "demo only",
}

# Values that differ between two exchanges by nature.
BY_NATURE = {"order_id", "trade_id", "fill_id", "user_id", "ts_ms", "ts", "created_time",
             "last_update_time", "client_order_id"}


@dataclass
class Case:
    """A recorded answer and its request."""

    name: str
    meta: dict[str, Any]
    body: Any = field(repr=False)


def recorded() -> list[Case]:
    """All recorded requests with answers, in their order."""
    place: Path = schemas.directory() / "wire"
    cases = []
    for meta in place.glob("*.meta.json"):
        name = meta.name.removesuffix(".meta.json")
        body = place / f"{name}.json"
        answer = json.loads(body.read_text(encoding="utf-8")) if body.exists() else None
        cases.append(Case(name, json.loads(meta.read_text(encoding="utf-8")), answer))
    return sorted(cases, key=lambda case: case.meta.get("recorded_at_epoch_ms", 1 << 62))


def fields(value: Any, place: str = "") -> Iterator[str]:
    """The paths of all fields; the items of a list are one place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{place}.{key}"
            yield from fields(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{place}[]")


def excuse(case: str, place: str) -> tuple[str, str] | None:
    """Why a recorded field may be missing: the entry that is about it or about what holds it."""
    parts = place.split(".")
    holders = (".".join(parts[:end]).removesuffix("[]") for end in range(len(parts), 1, -1))
    return next(((case, holder) for holder in holders if (case, holder) in GONE), None)


def same(theirs: Any, ours: Any, case: str, place: str = "") -> bool:
    """Whether all recorded values are ours too, but for what differs by nature and what is gone."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and all(
            same(inner, ours.get(key), case, f"{place}.{key}") for key, inner in theirs.items()
            if key not in BY_NATURE and (case, f"{place}.{key}") not in GONE)
    if isinstance(theirs, list):
        return len(theirs) == len(ours) and all(
            same(their, our, case, f"{place}[]") for their, our in zip(theirs, ours, strict=True))
    return bool(theirs == ours)


class Player:
    """Sends recorded requests; order ids of the recording stand for ours."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ids: dict[str, str] = {}

    def headers(self, meta: dict[str, Any], path: str) -> dict[str, str]:
        method, how, name = meta["method"], meta["auth"], meta.get("name", "")
        skews = {"minus5s": -5, "plus5s": 5, "minus30s": -30, "plus5min": 300}
        if how.startswith("NONE"):
            return {}
        if how == "signed-skewed":
            return self.client.headers(method, path, skews[name.rsplit("_", 1)[1]] * 1000)
        headers = self.client.headers(method, path)
        if how == "bad-signature":
            return headers | {"KALSHI-ACCESS-SIGNATURE": self.client.headers("GET", "/other")[
                "KALSHI-ACCESS-SIGNATURE"]}
        if how == "missing-signature-header":
            del headers["KALSHI-ACCESS-SIGNATURE"]
        if how == "unknown-key-id":
            headers["KALSHI-ACCESS-KEY"] = "00000000-0000-0000-0000-000000000000"
        return headers

    def play(self, case: Case) -> tuple[int, Any]:
        path = case.meta["path"].removeprefix(ROOT)
        for theirs, ours in self.ids.items():
            path = path.replace(theirs, ours)
        signed = self.headers(case.meta | {"name": case.name}, ROOT + urlsplit(path).path)
        answer = self.client.send(case.meta["method"], path, case.meta.get("request_body"), signed)
        body = answer.json()
        schemas.check_answer(case.meta["method"], urlsplit(path).path, answer.status_code, body)
        if isinstance(case.body, dict) and "order_id" in case.body and "order_id" in body:
            self.ids[case.body["order_id"]] = body["order_id"]
        return answer.status_code, body


def test_every_recorded_case_is_played_or_left_out_for_a_reason() -> None:
    place = schemas.directory() / "wire"
    there = {path.name.split(".", 1)[0] for path in place.iterdir()}
    assert set(CASES) | set(LEFT_OUT) == there
    assert not set(CASES) & set(LEFT_OUT)


def test_the_recorded_session_is_answered_alike() -> None:
    with Simulator("--still-quotes", "--cash", "9801", books=BOOKS) as simulator:
        player = Player(simulator.client())
        # The recording begins with a position and with trades of others.
        before = {"ticker": TICKER, "side": "bid", "count": "0.50", "price": "0.5200",
                  "time_in_force": "immediate_or_cancel", "client_order_id": "before",
                  "self_trade_prevention_type": "taker_at_cross"}
        ask = before | {"side": "ask", "price": "0.5200", "time_in_force": "good_till_canceled",
                        "count": "0.50", "client_order_id": "refill"}
        for new in (before, ask):
            assert player.client.send("POST", ORDERS, new).status_code == 201
        different = []
        needed = set()
        for case in recorded():
            if case.body is None:
                continue
            path = case.meta["path"]
            if "ticker=KXPGATOUR" in path:
                case.meta["path"] = path.split("?")[0] + f"?ticker={TICKER}"
            status, body = player.play(case)
            lacking = set(fields(case.body)) - set(fields(body))
            excused = {it: excuse(case.name, it) for it in lacking}
            needed |= set(excused.values()) - {None}
            missing = {it for it in lacking if excused[it] is None}
            if status != case.meta["status"]:
                different.append(f"{case.name}: {status} instead of {case.meta['status']}: {body}")
            elif missing:
                different.append(f"{case.name}: lacks {sorted(missing)}")
            elif CASES[case.name] == "values" and not same(case.body, body, case.name):
                different.append(f"{case.name}: {body} instead of {case.body}")
        assert not different, "\n".join(different)
        assert set(GONE) == needed, "an excuse that nothing needs hides what it is for"


def test_the_recorded_stream_is_told_alike() -> None:
    meta = json.loads((schemas.directory() / "wire" / "ws__orderbook_trade_noleg.meta.json")
                      .read_text(encoding="utf-8"))
    lines = (schemas.directory() / "wire" / "ws__orderbook_trade_noleg.jsonl").read_text(
        encoding="utf-8").splitlines()
    theirs = [json.loads(line) for line in lines if line]
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = simulator.client()
        with client.session() as session:
            session.send(json.dumps(meta["subscribe_cmd"]))
            order = {"ticker": TICKER, "side": "bid", "count": "3.00", "price": "0.4800",
                     "time_in_force": "good_till_canceled",
                     "self_trade_prevention_type": "taker_at_cross"}
            ours = [json.loads(session.recv(timeout=10)) for _ in range(3)]
            created = client.send("POST", ORDERS, order).json()
            client.send("DELETE", f"{ORDERS}/{created['order_id']}")
            ours += [json.loads(session.recv(timeout=10)) for _ in range(2)]
    assert [it["type"] for it in ours] == [it["type"] for it in theirs][:5]
    kinds = {it["type"]: set(fields(it)) for it in ours}
    for message in theirs:
        assert set(fields(message)) <= kinds[message["type"]]
    assert [it.get("seq") for it in ours] == [it.get("seq") for it in theirs][:5]
