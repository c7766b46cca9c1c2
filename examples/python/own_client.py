"""A whole trading client in one page: what a client of the exchange has to do, and nothing else.

    kalshi-exec sim --ready-file ready.json &
    python3 examples/python/own_client.py ready.json KXWCGAME-26JUL14FRAESP-ESP

Lists markets, rests an order far from the market, amends and cancels it, buys one contract, and
shows the fill as the stream and as the records tell it, the position and the balance, one JSON
line a step. Point it at any environment by writing another ready file. Needs the packages
`cryptography` and `websockets`.
"""
import base64
import json
import ssl
import sys
import time
import urllib.request
import uuid
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from websockets.sync.client import connect

ORDERS = "/portfolio/events/orders"


class Exchange:
    """Signed requests. The signature covers time, method and path: neither query nor body."""

    def __init__(self, ready):
        self.ready = ready
        with open(ready["private_key_file"], "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), password=None)
        self.trust = ssl.create_default_context(cafile=ready["ca_file"])
        https = urllib.request.HTTPSHandler(context=self.trust)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def headers(self, method, url):
        now = str(time.time_ns() // 1_000_000)
        signature = self.key.sign((now + method + urlsplit(url).path).encode())
        return {"KALSHI-ACCESS-KEY": self.ready["key_id"], "KALSHI-ACCESS-TIMESTAMP": now,
                "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode()}

    def call(self, method, path, body=None):
        url = self.ready["rest"] + path
        headers = self.headers(method, url) | {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        with self.opener.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stream(self):
        url = self.ready["ws"]
        return connect(url, ssl=self.trust, additional_headers=self.headers("GET", url), proxy=None)


def tell(step, **what):
    print(json.dumps({"step": step} | what))


def order(ticker, **terms):
    return {"ticker": ticker, "client_order_id": str(uuid.uuid4()), "side": "bid",
            "count": "1.00", "self_trade_prevention_type": "taker_at_cross"} | terms


def main(ready_file, ticker):
    with open(ready_file, encoding="utf-8") as file:
        exchange = Exchange(json.load(file))
    markets = exchange.call("GET", "/markets?status=open&limit=5")["markets"]
    tell("markets", tickers=[market["ticker"] for market in markets])

    # Counts and prices are strings; a limit is a price of the YES leg, whichever side it is for.
    terms = order(ticker, price="0.0100", time_in_force="good_till_canceled", post_only=True)
    rested = exchange.call("POST", ORDERS, terms)
    tell("rested", order_id=rested["order_id"], remaining=rested["remaining_count"])
    path = f"{ORDERS}/{rested['order_id']}"
    change = {"ticker": ticker, "side": "bid", "price": "0.0200", "count": "2.00"}
    tell("amended", remaining=exchange.call("POST", f"{path}/amend", change)["remaining_count"])
    canceled = exchange.call("DELETE", f"{path}?market_ticker={ticker}")
    tell("canceled", reduced_by=canceled["reduced_by"])

    with exchange.stream() as stream:
        subscribe = {"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"]}}
        stream.send(json.dumps(subscribe))
        assert json.loads(stream.recv(10))["type"] == "subscribed"
        terms = order(ticker, price="0.9900", time_in_force="immediate_or_cancel")
        taken = exchange.call("POST", ORDERS, terms)
        tell("taken", filled=taken["fill_count"], price=taken.get("average_fill_price"))
        # On the real exchange this may come before the answer, and reads may lag both.
        fill = json.loads(stream.recv(10))["msg"]
        tell("told", order_id=fill["order_id"], fee=fill["fee_cost"])

    fills = exchange.call("GET", f"/portfolio/fills?order_id={taken['order_id']}")["fills"]
    tell("fills", trade_ids=[fill["trade_id"] for fill in fills])
    [held] = exchange.call("GET", f"/portfolio/positions?ticker={ticker}")["market_positions"]
    tell("position", contracts=held["position_fp"], cost=held["market_exposure_dollars"])
    tell("balance", dollars=exchange.call("GET", "/portfolio/balance")["balance_dollars"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
