"""cvxpy and HiGHS: loaded on first use, silent, and asked in one way."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from measurement.errors import LiftwerkError
from measurement.highs_banner import take_banner

#: cvxpy carries no types of its own: its module, expressions, constraints and problems.
Expression = Any

#: HiGHS' code for a point that meets all rows.
_FEASIBLE_POINT = 2
#: Beyond this many columns an interior-point method with crossover beats the simplex method.
_LARGE = 4000


class OutOfTimeError(LiftwerkError):
    """The time limit came before any answer."""


def cvxpy() -> Expression:
    """The cvxpy module (two CPU seconds to import, so only where a plan is made)."""
    take_banner()
    return importlib.import_module("cvxpy")


def maximise(program: Expression, *, integer: bool, size: int, accuracy: float, seconds: float) -> float | None:
    """Solve; the upper bound, or ``None`` where the program has no solution."""
    cp = cvxpy()
    options: dict[str, object] = {"output_flag": False, "time_limit": seconds, "threads": 1}
    options["primal_feasibility_tolerance"] = 1e-9
    if integer:
        options |= {"mip_rel_gap": accuracy, "mip_abs_gap": 0.0}
    else:
        # HiGHS' presolve compares columns pairwise: minutes on curves with 50,000 points, and nothing to gain here
        options |= {"presolve": "off", "solver": "ipm" if size > _LARGE else "simplex", "simplex_strategy": 4}
    # the primal simplex method gives up on a few infeasible programs; the dual one with presolve settles them
    attempts = (
        [options] if integer else [options, {**options, "presolve": "on", "solver": "choose", "simplex_strategy": 1}]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "may be inaccurate": a time limit, whose gap is reported
        for attempt in attempts:
            try:
                program.solve(solver=cp.HIGHS, highs_options=attempt)
                break
            except (cp.SolverError, ValueError) as error:
                if attempt is not attempts[-1]:
                    continue
                raise LiftwerkError.of(
                    "the solver failed on the budget problem", "Report it with the curves and the rules", value=error
                ) from error
    if program.status in {"infeasible", "infeasible_inaccurate", "infeasible_or_unbounded"}:
        return None
    info = program.solver_stats.extra_stats
    # a linear program cut short proves nothing; a mixed-integer one still has its bound, if it has a plan
    cut_short = integer and program.status == "user_limit" and info.primal_solution_status == _FEASIBLE_POINT
    if program.status not in {"optimal", "optimal_inaccurate"} and not cut_short:
        raise OutOfTimeError.of(
            "the solver found no answer in time", "Raise the time limit", column="time_limit", value=program.status
        )
    if not integer:
        # after crossover a large program may miss a row by 1e-8: the bound is widened to stay above every plan
        dust = 0.0 if info.primal_solution_status == _FEASIBLE_POINT else 1e-6
        return float(program.value) + dust * abs(float(program.value))
    # cvxpy minimises −goal: the constant it moves out of the objective is the same in value and bound
    return float(program.value) + max(0.0, float(info.objective_function_value - info.mip_dual_bound))
