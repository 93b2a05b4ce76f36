"""do-attribution on one file: the removal that matches ours at order 1; it knows no value."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from do_attribution import MarkovAttribution


def main():
    file, out = sys.argv[1:3]
    data = pd.read_parquet(file, columns=["path", "conversions"])
    answer = {"credit": {}}
    for order in (1, 2):
        model = MarkovAttribution(order=order, removal_strategy="redirect_to_null")
        found = model.fit(data["path"], data["conversions"])
        total = float(data["conversions"].sum())
        answer["credit"][order] = {name: share * total for name, share in found["attribution"].items()}
    Path(out).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
