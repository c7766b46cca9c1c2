"""One simulated exchange per test module, with books that do not move by themselves."""
import os
import secrets
from collections.abc import Iterator

import pytest

from simulator import Client, Simulator

# Two events on shard 0, one on shard 3; whole cents, tapered tenths, and maker fees.
BOOKS = """\
KXALPHA-26JUL01-A,linear_cent,quadratic,0,,0.47:300 0.46:500,0.48:300 0.40:500
KXALPHA-26JUL01-B,linear_cent,quadratic,0,,0.20:300,0.75:300
KXBETA-26JUL01-A,tapered_deci_cent,quadratic_with_maker_fees,0,,0.055:400,0.93:400
KXGAMMA-26JUL01-A,linear_cent,quadratic,3,,0.30:100,0.65:100
"""
MARKET = "KXALPHA-26JUL01-A"
OTHER_MARKET = "KXALPHA-26JUL01-B"

# What fresh requests of the fuzzer are made of.
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", secrets.randbelow(1 << 32)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how to make the same requests again, whether tests passed or not."""
    terminalreporter.write_line(f"fresh requests were made of FUZZ_SEED={FUZZ_SEED}")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("--still-quotes", books=BOOKS) as running:
        yield running


@pytest.fixture(scope="module")
def client(simulator: Simulator) -> Client:
    return simulator.client()
