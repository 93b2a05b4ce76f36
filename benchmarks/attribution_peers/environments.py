"""The attribution peers' environments; see `benchmarks.peer_environments`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peer_environments import peer_python

HERE = Path(__file__).parent
#: Peers that come as source only.
BUILT = frozenset({"channelattribution", "pyspark"})


def attribution_python(name, folder):
    """The Python of a peer's environment below a folder; raises as `peer_python` does."""
    return peer_python(HERE / f"{name}.txt", folder / name, built=[name] if name in BUILT else [])
