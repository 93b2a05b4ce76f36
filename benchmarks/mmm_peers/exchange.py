"""What the benchmark and a worker hand each other. Needs numpy only: a worker runs in its package's own environment.

A worker is called ``python work_X.py PANEL OUT JOB``: the panel as ``panel_arrays`` wrote it, the file to write, and
the effort as JSON (draws, tune, chains, seed, and the CPU-seconds after which the system ends it).
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def cpu_seconds():
    """CPU seconds of this process and the children it waited for, since it started."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


class Job:
    """The order that a worker was given, a clock of its phases, and the door for its result."""

    def __init__(self, arguments):
        self.imports = cpu_seconds()
        panel, out, effort = arguments
        self.out = Path(out)
        self.effort = json.loads(effort)
        ceiling = int(self.effort["ceiling"])
        resource.setrlimit(resource.RLIMIT_CPU, (ceiling, ceiling + 5))
        self.phases = {}
        with np.load(panel) as stored:
            self.panel = {name: stored[name] for name in stored.files}

    @classmethod
    def from_command_line(cls):
        """Called right after the imports: what was used until then is their cost."""
        return cls(sys.argv[1:])

    @contextmanager
    def phase(self, name):
        """CPU seconds of the block, kept as a phase."""
        started = cpu_seconds()
        yield
        self.phases[name] = cpu_seconds() - started

    def names(self, kind):
        """Names of channels, controls, organics or geos as plain strings."""
        return [str(name) for name in self.panel[kind]]

    def finish(self, contribution, *, divergences, gradients, setting, versions):
        """Write the draws (chain, draw, channel) of each channel's contribution in money, and how they were made."""
        facts = {
            "imports": self.imports,
            "phases": self.phases,
            "divergences": int(divergences),
            "gradients": int(gradients),
            "setting": setting,
            "versions": versions,
        }
        np.savez(self.out, contribution=np.asarray(contribution, dtype=np.float64), facts=np.array(json.dumps(facts)))
