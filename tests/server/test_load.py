"""Many clients that push, pull, tag and delete at once: in the end every tag and every blob is accounted for.

The same for a minute and with 200 clients is `benchmarks/load.py`, whose figures are in docs/registry.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.load import account, collecting, load, served

CLIENTS = 20
SECONDS = 3.0


@pytest.mark.parametrize("processes", [1, 2])
def test_everything_is_accounted_for_beside_a_collector(quick_folder: Path, processes: int) -> None:
    """One registry, and two on one folder; either tells the same in the end."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(served(quick_folder))[0] for _ in range(processes)]
        with collecting(quick_folder, "1s") as collected:
            ledger = load(addresses, CLIENTS, SECONDS)
        assert ledger.failures == []
        assert ledger.done["push"] > CLIENTS
        assert sum(collected) > 0
        for address in addresses:
            assert account(address, ledger)["tags"] == len(ledger.tags)
