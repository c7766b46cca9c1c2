"""Checks that a run's books are the exchange's, with a client that shares no code with the engine.

    kalshi-exec sim --ready-file ready.json &
    kalshi-exec run --mode sim --exchange ready.json --report report --state state \\
        --signals examples/worldcup-signals.ndjson --config examples/worldcup.toml
    python3 examples/python/check_books.py ready.json report/summary.json

Reads the run's orders and fills, and the account's positions and balance, from the exchange that
the ready file names, compares them with summary.json and prints every difference. Former runs may
have traded on the account; nobody else may have since this one. Exit code: 0 equal, 1 different, 2 cannot compare.
Needs the package `cryptography`.
"""
import base64
import json
import ssl
import sys
import time
import urllib.request
from collections import Counter
from decimal import Decimal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Exchange:
    """Signed GET requests to the REST API."""

    def __init__(self, ready):
        self.rest = ready["rest"]
        self.key_id = ready["key_id"]
        with open(ready["private_key_file"], "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), password=None)
        trust = ssl.create_default_context(cafile=ready["ca_file"])
        https = urllib.request.HTTPSHandler(context=trust)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def sign(self, message):
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
            return self.key.sign(message, pss, hashes.SHA256())
        return self.key.sign(message)

    def get(self, path):
        url = self.rest + path
        now = str(time.time_ns() // 1_000_000)
        signature = self.sign((now + "GET" + urlsplit(url).path).encode())
        headers = {"KALSHI-ACCESS-KEY": self.key_id, "KALSHI-ACCESS-TIMESTAMP": now,
                   "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode()}
        with self.opener.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return json.load(answer)

    def list(self, path, items):
        cursor = ""
        while True:
            page = self.get(f"{path}?limit=100&cursor={cursor}")
            yield from page[items]
            cursor = page["cursor"]
            if not cursor:
                return


def fate(order):
    """The name that summary.json counts an order under."""
    if order["status"] == "executed":
        return "filled"
    if order["status"] != "canceled":
        return "unknown"
    return "partial" if Decimal(order["fill_count_fp"]) else "canceled"


def books_of_exchange(exchange, run):
    # Ids of ours begin with a mark and the run that made them.
    ours = f"6b786578-{run[:4]}-8{run[4:7]}-8{run[7:]}-"
    sent = [order for order in exchange.list("/portfolio/orders", "orders")
            if order["client_order_id"].startswith(ours)]
    ids = {order["order_id"] for order in sent}
    orders = Counter(map(fate, sent))
    fills = [fill for fill in exchange.list("/portfolio/fills", "fills") if fill["order_id"] in ids]
    books = {f"orders {name}": Decimal(orders[name])
             for name in ("filled", "partial", "canceled", "unknown")}
    books["contracts filled"] = sum((Decimal(fill["count_fp"]) for fill in fills), Decimal(0))
    books["fees, cents"] = sum((Decimal(fill["fee_cost"]) * 100 for fill in fills), Decimal(0))
    books["cash, cents"] = Decimal(exchange.get("/portfolio/balance")["balance_dollars"]) * 100
    for held in exchange.list("/portfolio/positions", "market_positions"):
        books["position " + held["ticker"]] = Decimal(held["position_fp"])
    return books


def books_of_run(summary):
    orders = summary["orders"]
    books = {f"orders {name}": orders[name] for name in ("filled", "partial", "unknown")}
    # An order that ran out of time is a cancelled one to the exchange.
    books["orders canceled"] = orders["canceled"] + orders["expired"]
    books["contracts filled"] = summary["contracts_filled"]
    books["fees, cents"] = summary["fees_cents"]
    books["cash, cents"] = summary["cash_cents"]
    books.update({"position " + ticker: held for ticker, held in summary["positions"].items()})
    return books


def main(ready_file, summary_file):
    with open(summary_file, encoding="utf-8") as file:
        summary = json.load(file, parse_float=Decimal)
    with open(ready_file, encoding="utf-8") as file:
        theirs = books_of_exchange(Exchange(json.load(file)), summary["run_id"])
    ours = books_of_run(summary)
    names = sorted(theirs.keys() | ours.keys())
    different = [name for name in names if theirs.get(name, 0) != ours.get(name, 0)]
    for name in different:
        print(f"{name:<40} run {ours.get(name, 0)!s:>16}   exchange {theirs.get(name, 0)!s:>16}")
    print(f"{len(names)} numbers compared, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError, KeyError) as error:  # urllib's errors are OSErrors
        print(f"cannot compare: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
