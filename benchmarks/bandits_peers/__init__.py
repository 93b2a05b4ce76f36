"""``python -m benchmarks.bandits_peers``: ours, MABWiser and Vowpal Wabbit on the same sequences of decisions.

The peers run in an environment of their own, made on demand from ``pinned.txt``. One decision and its reward at a time,
as an online service meets them; CPU seconds of the loop alone, without imports and compilation.
"""
