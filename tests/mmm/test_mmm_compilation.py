"""Compiled code: the process that compiles computes what every later one computes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmm.compilation import compiled, inner_compiled

_PRINT_DENSITY = """
import numpy as np
from mmm.sampling import density_of
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec
from tests.mmm.dense_model import Problem

market = simulate_market(1, market_spec(n_geos=3, n_weeks=52, n_channels=2))
problem = Problem.of(market.panel, ModelSpec())
point = np.random.default_rng(0).normal(0, 0.5, problem.size)
value, gradient = density_of(problem.data)(point)
print(value.hex(), gradient.tobytes().hex())
"""


@inner_compiled
def _sum_of_products(first, second):
    total = 0.0
    for i in range(first.size):
        total += first[i] * second[i]
    return total


@compiled
def _ratio(first, second):
    return _sum_of_products(first, second) / _sum_of_products(second, second)


def test_inner_code_has_no_machine_code_of_its_own() -> None:
    first, second = np.arange(5.0), np.ones(5)
    assert _ratio(first, second) == 2.0
    _sum_of_products.compile(_ratio.signatures[0])  # where the outer one came from the disk, it is not compiled yet
    (result,) = _sum_of_products.overloads.values()
    engine = result.library.codegen._engine
    (outer,) = _ratio.overloads.values()
    assert engine.is_symbol_defined(outer.fndesc.llvm_func_name)
    assert not engine.is_symbol_defined(result.fndesc.llvm_func_name)


@pytest.mark.slow
def test_first_process_computes_the_same_bits_as_the_next(tmp_path: Path) -> None:
    environment = {**os.environ, "LIFTWERK_CACHE": str(tmp_path)}
    root = Path(__file__).parents[2]
    printed = [
        subprocess.run(
            [sys.executable, "-c", _PRINT_DENSITY],
            env=environment,
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert printed[0].count(" ") == 1
    assert printed[0] == printed[1]
