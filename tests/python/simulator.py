"""A running simulated exchange, and the plainest client of it.

`Simulator` starts `kalshi-exec sim` on a free port and stops it. `Client` signs requests as the
exchange's documentation says; it shares no code with the engine and none with the SDK.
"""
import base64
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60.0
ORDERS = "/portfolio/events/orders"


def binary() -> Path:
    """The program under test: named by KALSHI_EXEC, or the newest one that was built."""
    named = os.environ.get("KALSHI_EXEC")
    if named:
        # It is started in a directory of its own.
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "kalshi-exec" for profile in ("release", "debug")]
    there = [path for path in built if path.exists()]
    if not there:
        raise FileNotFoundError(f"no kalshi-exec under {target}: cargo build first")
    return max(there, key=lambda path: path.stat().st_mtime)


class Simulator:
    """A `kalshi-exec sim` of one test."""

    def __init__(self, *args: str, books: str | None = None, new_keys: bool = False) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="kalshi-sim-")
        home = Path(self.directory.name)
        if not new_keys:
            # Looking for primes takes as long as luck has it, on a busy machine many seconds.
            (home / "keys").mkdir()
            shutil.copy(ROOT / "tests/keys/rsa2048_pkcs1.pem", home / "keys" / "rsa.pem")
        ready = home / "ready.json"
        command = [str(binary()), "sim", "--ready-file", str(ready), "--keys", str(home / "keys")]
        if books is not None:
            (home / "books.csv").write_text(books, encoding="utf-8")
            command += ["--markets", str(home / "books.csv")]
        self.announcement = home / "stderr"
        with open(self.announcement, "wb") as stderr:
            self.process = subprocess.Popen([*command, *args], stderr=stderr, cwd=home)
        self.ready: dict[str, str] = self._wait_for(ready)

    def _wait_for(self, ready: Path) -> dict[str, str]:
        patience = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < patience:
            if self.process.poll() is not None:
                break
            if ready.exists():
                return json.loads(ready.read_text(encoding="utf-8"))
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError("sim did not start: " + self.announcement.read_text(encoding="utf-8"))

    def client(self) -> "Client":
        return Client(self.ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.directory.cleanup()


class Client:
    """Signed requests and WebSocket sessions."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.rest = ready["rest"]
        self.ws = ready["ws"]
        self.key_id = ready["key_id"]
        self.ca_file = ready["ca_file"]
        key = serialization.load_pem_private_key(
            Path(ready["private_key_file"]).read_bytes(), password=None)
        assert isinstance(key, Ed25519PrivateKey)
        self.key = key
        self.trust = ssl.create_default_context(cafile=ready["ca_file"])
        # The client of the stream reads on a thread of its own as soon as bytes come. The tickets
        # that TLS 1.3 sends after its handshake are such bytes without any text: the read blocks
        # in the TLS library, which lets nobody write meanwhile, and the request never leaves.
        # TLS 1.2 has its tickets in the handshake.
        self.stream_trust = ssl.create_default_context(cafile=ready["ca_file"])
        self.stream_trust.maximum_version = ssl.TLSVersion.TLSv1_2
        self.http = httpx.Client(verify=self.trust, trust_env=False, timeout=20)

    def headers(self, method: str, path: str, skew_ms: int = 0) -> dict[str, str]:
        """The three headers; `path` is the full one, without the query."""
        now = str(time.time_ns() // 1_000_000 + skew_ms)
        signature = self.key.sign((now + method + path).encode())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": now,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    def send(self, method: str, path: str, body: Any = None,
             headers: dict[str, str] | None = None) -> httpx.Response:
        """One request; `path` is relative to the REST root and may have a query."""
        url = self.rest + path
        if headers is None:
            headers = self.headers(method, urlsplit(url).path)
        content = None
        if body is not None:
            content = json.dumps(body)
            headers = headers | {"Content-Type": "application/json"}
        return self.http.request(method, url, content=content, headers=headers)

    def session(self) -> ClientConnection:
        headers = self.headers("GET", urlsplit(self.ws).path)
        return connect(self.ws, ssl=self.stream_trust, additional_headers=headers, proxy=None,
                       ping_interval=None, compression=None)
