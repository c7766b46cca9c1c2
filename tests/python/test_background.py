"""What happens by itself: others take what rests, and sessions hear a ping every ten seconds.

One exchange with its moving background, as it is started by hand, watched for one interval.
"""
import queue
import time
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from simulator import ORDERS, Client, Simulator
from test_operations import order
from test_stream import Session

INTERVAL_S = 10.0


class Listening(ClientConnection):
    """A connection that notes when it is pinged; its library answers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.pinged: queue.Queue[tuple[float, bytes]] = queue.Queue()
        super().__init__(*args, **kwargs)

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pinged.put((time.monotonic(), bytes(event.data)))
        super().process_event(event)


def place_in_front(client: Client) -> set[str]:
    """Rests a contract ahead of the background wherever there is room between bid and ask."""
    placed = set()
    for market in client.send("GET", "/markets?limit=50").json()["markets"]:
        bid, ask = (round(100 * float(market[f"yes_{side}_dollars"])) for side in ("bid", "ask"))
        for side, cents in (("bid", bid + 1), ("ask", ask - 1)):
            if ask - bid < 2 or not 0 < cents < 100:
                continue
            new = order(ticker=market["ticker"], side=side, price=f"{cents / 100:.4f}",
                        count="1.00", post_only=True, self_trade_prevention_type="maker")
            new["exchange_index"] = market["exchange_index"]
            answer = client.send("POST", ORDERS, new)
            if answer.status_code == 201:
                placed.add(answer.json()["order_id"])
    return placed


def test_others_take_what_rests_and_sessions_are_pinged() -> None:
    with Simulator("--takers", "--seed", "11", "--cash", "100000000") as simulator:
        client = simulator.client()
        headers = client.headers("GET", urlsplit(client.ws).path)
        with connect(client.ws, ssl=client.stream_trust, additional_headers=headers, proxy=None,
                     ping_interval=None, compression=None,
                     create_connection=Listening) as socket:
            opened = time.monotonic()
            session = Session(socket)
            session.send("subscribe", channels=["fill"])
            session.expect("subscribed")
            placed = place_in_front(client)
            assert placed, "there is room in some market"
            [fill] = session.expect("fill")
            assert fill["msg"]["order_id"] in placed and fill["msg"]["is_taker"] is False

            pinged, payload = socket.pinged.get(timeout=3 * INTERVAL_S)
            # Late on a busy machine, never early.
            assert INTERVAL_S - 1 <= pinged - opened and payload == b"heartbeat"
            assert socket.pinged.empty()
