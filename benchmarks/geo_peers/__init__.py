"""Weights of synthetic controls: ours beside cvxpy with Clarabel, SciPy's SLSQP, pysyncon and mlsynth, in one run.

``make bench-geo`` or ``OMP_NUM_THREADS=1 python -m benchmarks.geo_peers [--problems 100] [--objectives 500]``

**Speed.** CPU seconds a problem of 40 donors × 90 periods, cold (no start from a neighbour), one thread, after a first
problem that warms imports and compilers. Ours two ways, both with the certificate: one call a problem from Python; and
one call for a thousand right-hand sides that share the donors, which is how placebo sets and conformal refits use it.
mlsynth has no solver to call alone: its figure is a whole ``fit`` with plots off.

**Objective.** Problems of eight kinds, collinear and rank-deficient ones among them. A peer's weights are first made
feasible (negative ones cut, then divided by their sum), since weights outside the simplex can undercut any optimum.
What counts is by how much ours lies above the peer's, relative to the peer's objective; sums of squares below
2e-16 of the data's are rounding and count as ties.

**Environment.** The peers run in ``.venv-peers/geo``, made with uv from the pinned list beside this file, wheels only.
"""
