"""liftwerk on one file: exact credit of orders 1 and 2, then the bootstrap."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from attribution.markov import credit_of
from attribution.paths import read_path_table
from attribution.transitions import count_transitions
from attribution.uncertainty import bucket_weights, markov_draws


def main():
    file, out = sys.argv[1:3]
    table = read_path_table(file)
    answer = {"credit": {}, "value": {}}
    for order in (1, 2):
        found = credit_of(count_transitions(table, order=order))
        answer["credit"][order] = dict(zip(found.channels, found.conversions.tolist(), strict=True))
        answer["value"][order] = dict(zip(found.channels, found.value.tolist(), strict=True))
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer["cpu"], answer["peak_mb"] = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    answer["bootstrap"] = {}
    for order in (1, 2):
        began = time.process_time()
        counts = count_transitions(table, order=order, buckets=True)
        counted = time.process_time()
        markov_draws(counts, bucket_weights(1_000, seed=1)).interval(0.9)
        answer["bootstrap"][order] = {"count": counted - began, "draws": time.process_time() - counted}
    Path(out).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
