"""Run a package with growing effort until the bar is reached; every run is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.public_panels import panel_arrays

HERE = Path(__file__).parent
CHAINS = 4


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What has to be reached on every channel's contribution, and when to give up.

    A stage that took more than ``limit`` CPU-seconds is the last; one that would take more than twice that is stopped.
    """

    r_hat: float = 1.01
    ess_bulk: float = 400.0
    limit: float = 600.0

    def reached(self, stage):
        return stage.get("r_hat", np.inf) <= self.r_hat and stage.get("ess_bulk", 0.0) >= self.ess_bulk


@dataclass(frozen=True, kw_only=True)
class Package:
    """How a package is run.

    Attributes
    ----------
    worker
        Script of this folder.
    draws, tune
        First effort a chain; ``None``: the package decides, there is one stage.
    cached
        Whether compiled code survives the process; if so, the reached stage is run once more, warm.
    probe
        Whether compiling cannot be told from sampling within a run, so that a run of a few draws stands for it.
    """

    worker: str
    draws: int | None = None
    tune: int | None = None
    cached: bool = False
    probe: bool = False


PACKAGES = {
    "ours": Package(worker="work_ours.py", cached=True),
    "pymc_marketing": Package(worker="work_pymc_marketing.py", draws=250, tune=250, cached=True),
    "meridian": Package(worker="work_meridian.py", draws=250, tune=250, probe=True),
}
PROBE = {"draws": 8, "tune": 8}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where the runs of one package on one panel happen."""

    package: Package
    python: Path
    folder: Path
    bar: Bar
    seed: int

    def run(self, effort, cache):
        """One process: its CPU, memory, phases and convergence; ``error`` where it did not end well."""
        panel, out, log = (self.folder / name for name in ("panel.npz", "out.npz", "log.txt"))
        out.unlink(missing_ok=True)
        ceiling = int(2 * self.bar.limit)
        job = {"chains": CHAINS, "seed": self.seed, "ceiling": ceiling, **effort}
        command = [str(self.python), str(HERE / self.package.worker), str(panel), str(out), json.dumps(job)]
        with log.open("w") as sink:
            process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_one_thread(), **_caches(cache)},
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        stage = {
            **effort,
            "cpu": used.ru_utime + used.ru_stime,
            "peak_mb": used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2),
            "load": os.getloadavg()[0],
        }
        if process.returncode or not out.exists():
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            if stage["cpu"] >= ceiling - 1:
                return {**stage, "error": f"stopped at {ceiling} CPU-s"}
            return {**stage, "error": f"ended with {process.returncode}: {lines[-1][:300] if lines else 'no word'}"}
        return {**stage, **_read(out)}


def measure(package, python, panel, bar, *, seed):
    """All stages of one package on one panel, and what follows from them."""
    with tempfile.TemporaryDirectory(prefix="mmm_peers_") as name:
        folder = Path(name)
        np.savez(folder / "panel.npz", **panel_arrays(panel))
        bench = Bench(package=package, python=python, folder=folder, bar=bar, seed=seed)
        result = {"measured": datetime.now(UTC).isoformat(timespec="seconds"), "seed": seed, "limit": bar.limit}
        result["stages"] = list(grow(package, bar, lambda effort: bench.run(effort, _cache_of(folder, effort))))
        last = result["stages"][-1]
        result["reached"] = bar.reached(last)
        if package.cached and "error" not in last:
            effort = {key: last[key] for key in ("draws", "tune") if key in last}
            result["warm"] = bench.run(effort, _cache_of(folder, effort))
        if package.probe:
            result["probe"] = bench.run(PROBE, _cache_of(folder, PROBE))
        return result


def grow(package, bar, run):
    """Stages with twice the effort each, until one reaches the bar, fails, or passes the limit."""
    effort = {"draws": package.draws, "tune": package.tune} if package.draws else {}
    while True:
        stage = run(effort)
        yield stage
        if bar.reached(stage) or "error" in stage or stage["cpu"] > bar.limit or not effort:
            return
        effort = {name: 2 * value for name, value in effort.items()}


def _read(out):
    from mmm.diagnostics import convergence

    with np.load(out) as stored:
        facts = json.loads(str(stored["facts"]))
        draws = stored["contribution"]
    found = convergence({"contribution": draws})
    return {
        **facts,
        "r_hat": found.r_hat,
        "ess_bulk": found.ess_bulk,
        "ess_tail": found.ess_tail,
        "chains": draws.shape[0],
        "kept": draws.shape[1],
        "contribution": [float(value) for value in draws.mean((0, 1))],
        "contribution_sd": [float(value) for value in draws.std((0, 1))],
    }


def _one_thread():
    """The chains fill the cores; a second pool of threads in each would only fight."""
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def _cache_of(folder, effort):
    return folder / f"cache-{effort.get('draws', 'default')}"


def _caches(folder):
    """Compiled code goes to, and comes from, this folder alone: a new one is a cold start."""
    folder.mkdir(exist_ok=True)
    return {
        "LIFTWERK_CACHE": str(folder),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "XDG_CACHE_HOME": str(folder),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }
