"""Worker: liftwerk as a user calls it. The defaults decide the effort, not the job."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import numpy as np
import pandas as pd
from exchange import Job

from measurement.panel import Panel
from mmm.model import MMM
from mmm.spec import ModelSpec

# What a fit imports when it gets there: here it counts as imports, as it does for the others.
for _name in ("arviz_stats.base", "mmm.engines", "nutpie"):
    import_module(_name)


def build_panel(job):
    """The panel from the plain arrays."""
    arrays = ("outcome", "value_per_unit", "spend", "exposure", "control", "organic", "population")
    return Panel.from_arrays(
        **{name: job.panel[name] for name in arrays},
        dates=pd.DatetimeIndex(job.panel["dates"]),
        outcome_kind=str(job.panel["outcome_kind"]),
        **{kind: job.names(kind) for kind in ("geos", "channels", "controls", "organics")},
    )


def main():
    job = Job.from_command_line()
    with job.phase("sample"):
        fitted = MMM(ModelSpec()).fit(build_panel(job), seed=job.effort["seed"])
    options = fitted.options
    setting = f"defaults ({options['chains']} × {options['tune']} tuning + {options['draws']} draws"
    setting += f", retried after {options['retried_after']})" if "retried_after" in options else ")"
    failed = [check.name for check in fitted.checks if check.blocking and not check.passed]
    job.finish(
        fitted.contribution,
        divergences=np.sum(fitted.diverging),
        gradients=options["gradients"],
        setting=f"{setting}; gate: {'healthy' if fitted.healthy else 'failed ' + ', '.join(failed)}",
        versions={"liftwerk": version("liftwerk"), "numba": version("numba")},
    )


if __name__ == "__main__":
    main()
