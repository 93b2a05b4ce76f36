"""ChannelAttribution on one file, at its defaults, one thread."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ChannelAttribution
import pandas as pd


def main():
    file, out = sys.argv[1:3]
    data = pd.read_parquet(file)
    answer = {"credit": {}, "value": {}}
    for order in (1, 2):
        found = ChannelAttribution.markov_model(
            data, "path", "conversions", var_value="value", var_null="nulls", order=order, verbose=False, flg_pro=False
        )
        found = found.set_index("channel_name")
        answer["credit"][order] = found["total_conversions"].astype(float).to_dict()
        answer["value"][order] = found["total_conversion_value"].astype(float).to_dict()
    Path(out).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
