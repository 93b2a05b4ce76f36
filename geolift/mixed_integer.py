"""Solving small mixed-integer programs with HiGHS through cvxpy, without a word on the process's output."""

from __future__ import annotations

import warnings
from typing import Any

from measurement.highs_banner import take_banner


def solve_mixed_integer(problem: Any, *, seconds: float | None = None, gap: float = 1e-6) -> bool:  # noqa: ANN401 - cvxpy is untyped
    """Solve a cvxpy problem to a relative ``gap``; whether there is an answer, be it only the best in the time."""
    import cvxpy

    cp: Any = cvxpy  # its functions are not typed
    take_banner()
    options: dict[str, Any] = {"output_flag": False, "threads": 1, "mip_rel_gap": gap}
    if seconds is not None:
        options["time_limit"] = float(seconds)
    try:
        with warnings.catch_warnings():
            # The clock may stop the search: callers are told by the bound, users need no line of the solver's.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            problem.solve(solver=cp.HIGHS, highs_options=options)
    except cp.error.SolverError:  # stopped by the clock before it had anything
        return False
    return problem.status in {cp.OPTIMAL, cp.OPTIMAL_INACCURATE, cp.USER_LIMIT} and all(
        variable.value is not None for variable in problem.variables()
    )


def proven_bound(problem: Any) -> float:  # noqa: ANN401 - cvxpy is untyped
    """What no answer of a minimisation can undercut."""
    info = problem.solver_stats.extra_stats
    # cvxpy moves constants out of the objective: they are the same in value and bound
    return float(problem.value) - max(0.0, float(info.objective_function_value - info.mip_dual_bound))
