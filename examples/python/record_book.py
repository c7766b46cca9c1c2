"""Writes down what the exchange says of markets, for paper trading on their live books.

    python3 examples/python/record_book.py ready.json book.jsonl KXWCGAME-26JUL14FRAESP-ESP ...
    kalshi-exec run --book book.jsonl --book-follow --signals unix:/tmp/kalshi.sock

One line per message as it came, with its time of arrival; tickers are written too, so that a quiet
market is not taken for a dead recorder. It begins a new file: one in which messages are missing is
no book. It ends with its connection, and the engine then takes its feed for down. Needs the
packages `cryptography` and `websockets`.
"""
import json
import sys
import time

from own_client import Exchange

CHANNELS = ["orderbook_delta", "trade", "ticker"]


def main(ready_file, book_file, *tickers):
    with open(ready_file, encoding="utf-8") as file:
        exchange = Exchange(json.load(file))
    with exchange.stream() as stream, open(book_file, "w", encoding="utf-8", buffering=1) as book:
        stream.send(json.dumps({"id": 1, "cmd": "subscribe", "params": {
            "channels": CHANNELS, "market_tickers": tickers}}))
        for message in stream:
            line = {"recv_ts_ms": time.time_ns() // 1_000_000, "frame": json.loads(message)}
            book.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
