"""Sends signals to a running kalshi-exec over its Unix socket and prints the answers.

Start the engine first (paper trading, no credentials needed):
    kalshi-exec run --signals unix:/tmp/kalshi.sock

then, in another terminal, two made-up signals or a file of them:
    python3 examples/python/send_signals.py /tmp/kalshi.sock [examples/worldcup-signals.ndjson]

A third argument is the pause between signals in ms (150; 0 for a file; "" is no file).
Every signal is one line of JSON and gets exactly one line of JSON back.
"""
import json
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass

@dataclass
class KalshiMarket:
    ticker: str
    yes_ask: int  # cents
    no_ask: int
@dataclass
class EdgeCalculation:
    cents: float  # expected gain per contract against the ask, before fees
    percent: float
@dataclass
class ConfidenceScore:
    score: int
    tier: str
@dataclass
class PositionSize:
    contracts: int
    risk_amount: int  # cents
@dataclass
class Signal:
    id: str  # executed once: a repeat is refused
    ts_ns: int  # when the prices were seen: old signals are refused
    should_trade: bool
    action: str  # BUY_YES, BUY_NO, SELL_YES or SELL_NO
    kalshi: KalshiMarket
    edge: EdgeCalculation
    confidence: ConfidenceScore
    position: PositionSize

def made_up(action, ask):
    now = time.time_ns()
    market = KalshiMarket("KXWCGAME-26JUL14FRAESP-FRA", yes_ask=42, no_ask=59)
    return Signal(f"demo-{now}", now, True, action, market, EdgeCalculation(7, 14.6),
                  ConfidenceScore(75, "HIGH"), PositionSize(10, 10 * ask))

def readable(answer):
    if "signal_id" not in answer:
        return f"line {answer.get('line')}: not a signal: {answer.get('error')}"
    why = answer.get("refusal") or answer.get("error") or {}
    text = ", ".join(f"{key} {value}" for key, value in why.items())
    return (f"{answer['signal_id']} {answer['action']} {answer['ticker']}: {answer['state']}, "
            f"{answer['filled_contracts']} of {answer['contracts']} filled {text}").rstrip()

def send(engine, lines, gap_ms):
    for number, line in enumerate(lines):
        time.sleep(gap_ms / 1000 if number else 0)  # closer than 100 ms, orders may be refused
        text = line.strip() if isinstance(line, str) else json.dumps(asdict(made_up(*line)))
        engine.sendall(text.encode() + b"\n")

def main(path, file="", gap_ms=None):
    demo = [("BUY_YES", 42), ("BUY_NO", 59)]
    lines = [line for line in open(file, encoding="utf-8") if line.strip()] if file else demo
    gap_ms = float(gap_ms or (0 if file else 150))
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect(path)
        # A thread of its own: whoever only writes while answers pile up gets stuck.
        threading.Thread(target=send, args=(engine, lines, gap_ms), daemon=True).start()
        for _, answer in zip(lines, engine.makefile(encoding="utf-8")):
            print(readable(json.loads(answer)))

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) in (2, 3, 4) else __doc__)
