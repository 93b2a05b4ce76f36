"""Markov attribution side by side: liftwerk, ChannelAttribution, do-attribution.

``python -m benchmarks.attribution_peers`` writes journeys of 12 channels as strings in Parquet, one row a journey, and
runs each package on them in a process of its own: read the file, credit of conversions and value by order 1 and 2.
Counted are the process's CPU seconds (user and system, reading and imports included) and its peak memory.
ChannelAttribution simulates; do-attribution solves (its ``redirect_to_null`` is our removal) and knows no value.
"""
