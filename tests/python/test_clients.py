"""Other people's clients trade here: the exchange's official SDK, an independent one (pykalshi,
written by hand and not by the exchange), and a plain script.

The SDK is generated from the exchange's description: it refuses answers that lack a field.
"""
import json
import subprocess
import sys
import time
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from kalshi_python_sync import Configuration, KalshiClient
from kalshi_python_sync.exceptions import ApiException
from pykalshi import (
    BookSide, InsufficientFundsError, OrderStatus, ResourceNotFoundError, TimeInForce,
)
from pykalshi import KalshiClient as IndependentClient

from conftest import BOOKS, MARKET
from simulator import ROOT, Simulator, binary

# A market of the built-in books.
RECORDED = "KXWCGAME-26JUL14FRAESP-ESP"


def sdk(simulator: Simulator, key: str = "") -> KalshiClient:
    """The SDK as its documentation sets it up, trusting the simulator's certificate."""
    ready = simulator.ready
    configuration = Configuration(host=ready["rest"], ssl_ca_cert=ready["ca_file"])
    configuration.api_key_id = ready[f"{key}key_id"]
    configuration.private_key_pem = Path(ready[f"{key}private_key_file"]).read_text("utf-8")
    return KalshiClient(configuration)


def new_order(**changes: str) -> dict[str, str]:
    terms = {"ticker": MARKET, "client_order_id": str(uuid.uuid4()), "side": "bid",
             "count": "10.00", "price": "0.1000", "time_in_force": "good_till_canceled",
             "self_trade_prevention_type": "taker_at_cross"}
    return terms | changes


@pytest.mark.parametrize("key", ["", "rsa_"])
def test_the_official_sdk_trades(key: str) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        client = sdk(simulator, key)
        assert client.get_exchange_status().trading_active
        markets = client.get_markets(limit=10, status="open")
        assert MARKET in {market.ticker for market in markets.markets}
        assert client.get_market(MARKET).market.yes_bid_dollars == "0.4700"
        assert client.get_market_orderbook(MARKET).orderbook_fp.yes_dollars[-1][0] == "0.4700"
        assert len(client.get_events(with_nested_markets=True).events) == 3
        assert client.get_series("KXBETA").series.fee_type == "quadratic_with_maker_fees"
        before = Decimal(client.get_balance().balance_dollars)

        rests = client.create_order_v2(**new_order())
        assert rests.remaining_count == "10.00"
        amended = client.amend_order_v2(rests.order_id, ticker=MARKET, side="bid",
                                        price="0.1200", count="8.00")
        assert amended.remaining_count == "8.00"
        less = client.decrease_order_v2(rests.order_id, reduce_by="3.00")
        assert less.remaining_count == "5.00"
        assert client.get_order_queue_position(rests.order_id).queue_position_fp == "800.00"
        assert client.get_order(rests.order_id).order.yes_price_dollars == "0.1200"
        assert client.cancel_order_v2(rests.order_id, market_ticker=MARKET).reduced_by == "5.00"
        with pytest.raises(ApiException) as refusal:
            client.cancel_order_v2(rests.order_id)
        assert refusal.value.status == 404

        taken = client.create_order_v2(**new_order(price="0.5200",
                                                   time_in_force="immediate_or_cancel"))
        assert (taken.fill_count, taken.average_fill_price) == ("10.00", "0.5200")
        [fill] = client.get_fills(ticker=MARKET).fills
        assert (fill.order_id, fill.is_taker) == (taken.order_id, True)
        [position] = client.get_positions(ticker=MARKET).market_positions
        assert position.position_fp == "10.00"
        paid = before - Decimal(client.get_balance().balance_dollars)
        assert paid == Decimal("5.20") + Decimal(fill.fee_cost)
        orders = client.get_orders(limit=1)
        assert orders.orders[0].status == "executed" and orders.cursor
        assert client.get_trades(ticker=MARKET).trades[0].trade_id == fill.trade_id
        now = int(time.time())
        chart = client.get_market_candlesticks("KXALPHA", MARKET, start_ts=now - 3_600,
                                               end_ts=now + 3_600, period_interval=1)
        assert chart.candlesticks[-1].price.close_dollars == "0.5200"
        assert {key.api_key_id for key in client.get_api_keys().api_keys} == {
            simulator.ready["key_id"], simulator.ready["rsa_key_id"]}
        group = client.create_order_group(contracts_limit=5)
        assert client.get_order_group(group.order_group_id).is_auto_cancel_enabled
        assert client.get_account_api_limits().usage_tier == "basic"
        assert client.get_settlements().settlements == []


def test_an_independent_client_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        ready = simulator.ready
        # It has no option for a certificate authority; its HTTP library reads this one.
        monkeypatch.setenv("SSL_CERT_FILE", ready["ca_file"])
        with IndependentClient(api_key_id=ready["rsa_key_id"], api_base=ready["rest"],
                               private_key_path=ready["rsa_private_key_file"]) as client:
            assert client.exchange.get_status().trading_active
            markets = client.get_markets(limit=10)
            assert MARKET in {market.ticker for market in markets}
            assert client.get_market(MARKET).yes_bid_dollars == "0.4700"
            portfolio = client.portfolio
            before = portfolio.get_balance().balance

            rests = portfolio.place_order(MARKET, book_side=BookSide.BID, count_fp="10.00",
                                          price_dollars="0.1000")
            assert (rests.status, rests.remaining_count_fp) == (OrderStatus.RESTING, "10.00")
            # It looks up what it is not told: market, side and price.
            amended = portfolio.amend_order(rests.order_id, count_fp="8.00")
            assert amended.remaining_count_fp == "8.00"
            moved = portfolio.amend_order(rests.order_id, price_dollars="0.1200", count_fp="8.00",
                                          ticker=MARKET, book_side=BookSide.BID)
            assert moved.order_id == rests.order_id
            less = portfolio.decrease_order(rests.order_id, "3.00")
            assert less.remaining_count_fp == "5.00"
            [listed] = portfolio.get_orders(status=OrderStatus.RESTING)
            assert (listed.yes_price_dollars, listed.remaining_count_fp) == ("0.1200", "5.00")
            assert portfolio.cancel_order(rests.order_id).status == OrderStatus.CANCELED
            with pytest.raises(ResourceNotFoundError):
                portfolio.cancel_order(rests.order_id)
            with pytest.raises(InsufficientFundsError):
                portfolio.place_order(MARKET, book_side=BookSide.BID, count_fp="900000.00",
                                      price_dollars="0.4000")

            taken = portfolio.place_order(MARKET, book_side=BookSide.BID, count_fp="10.00",
                                          price_dollars="0.5200", time_in_force=TimeInForce.IOC)
            assert taken.fill_count_fp == "10.00"
            [fill] = portfolio.get_fills(ticker=MARKET)
            assert (fill.order_id, fill.yes_price_dollars) == (taken.order_id, "0.5200")
            [position] = portfolio.get_positions(ticker=MARKET)
            assert position.position_fp == "10.00"
            paid = Decimal("5.20") + Decimal(fill.fee_cost_dollars)
            # Its balance is in whole cents, rounded down.
            assert 0 <= before - portfolio.get_balance().balance - 100 * paid < 1
            assert portfolio.get_orders(limit=1)[0].status == OrderStatus.EXECUTED


def test_a_plain_script_trades() -> None:
    with Simulator("--still-quotes", books=BOOKS) as simulator:
        ready = Path(simulator.directory.name) / "ready.json"
        script = ROOT / "examples" / "python" / "own_client.py"
        done = subprocess.run([sys.executable, str(script), str(ready), MARKET],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [step["step"] for step in told] == [
            "markets", "rested", "amended", "canceled", "taken", "told", "fills", "position",
            "balance"]


def test_paper_trades_on_what_a_recorder_writes() -> None:
    with Simulator() as simulator:
        home = Path(simulator.directory.name)
        book = home / "book.jsonl"
        script = ROOT / "examples" / "python" / "record_book.py"
        recorder = subprocess.Popen([sys.executable, str(script), str(home / "ready.json"),
                                     str(book), RECORDED])
        try:
            patience = time.monotonic() + 60
            while not (book.exists() and "orderbook_snapshot" in book.read_text("utf-8")):
                assert time.monotonic() < patience and recorder.poll() is None
                time.sleep(0.02)
            market = simulator.client().send("GET", f"/markets/{RECORDED}").json()["market"]
            ask = round(100 * float(market["yes_ask_dollars"]))
            # Two cents above: the quotes move on meanwhile.
            (home / "signals.ndjson").write_text(json.dumps({
                "id": "one", "should_trade": True, "action": "BUY_YES",
                "kalshi": {"ticker": RECORDED, "yes_ask": ask + 2, "no_ask": 101 - ask},
                "edge": {"cents": 9, "percent": 14.6}, "confidence": {"score": 75, "tier": "HIGH"},
                "position": {"contracts": 3, "risk_amount": 300}}) + "\n", encoding="utf-8")
            done = subprocess.run(
                [str(binary()), "run", "--book", str(book), "--book-follow", "--signals",
                 "signals.ndjson", "--results", "-"],
                cwd=home, capture_output=True, text=True, timeout=60, check=False)
        finally:
            recorder.kill()
            recorder.wait(10)
        assert done.returncode == 0, done.stderr
        [result] = [json.loads(line) for line in done.stdout.splitlines()]
        assert (result["state"], result["filled_contracts"]) == ("filled", 3), result
        assert float(result["average_price_dollars"]) <= (ask + 3) / 100


def test_the_announced_command_line_works() -> None:
    with Simulator(new_keys=True) as simulator:
        announced = simulator.announcement.read_text(encoding="utf-8")
        [line] = [line for line in announced.splitlines() if line.startswith("try: ")]
        done = subprocess.run(line.removeprefix("try: "), shell=True, capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["markets"]) == 3
        assert simulator.ready["rest"] in announced
        listed = simulator.client().send("GET", "/markets").json()["markets"]
        assert f"markets  {len(listed)}: " in announced
        assert sum(market["ticker"] in announced for market in listed) == 3
