"""Worker: Google Meridian on TensorFlow, CPU."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from importlib.metadata import version

import numpy as np
from exchange import Job
from meridian import constants
from meridian.data import nd_array_input_data_builder
from meridian.model import model, spec


def input_data(job):
    """The panel as Meridian takes it: units with revenue each, or revenue; organic media as organic media."""
    panel = job.panel
    kind = constants.NON_REVENUE if str(panel["outcome_kind"]) == "units" else constants.REVENUE
    builder = nd_array_input_data_builder.NDArrayInputDataBuilder(kpi_type=kind)
    national = len(panel["geos"]) == 1
    builder.geos = [constants.NATIONAL_MODEL_DEFAULT_GEO_NAME] if national else job.names("geos")
    builder.time_coords = builder.media_time_coords = [str(date) for date in panel["dates"]]
    builder.with_kpi(panel["outcome"])
    if not national:
        builder.with_population(panel["population"])
    builder.with_revenue_per_kpi(panel["value_per_unit"])
    builder.with_controls(panel["control"], job.names("controls"))
    builder.with_media(panel["exposure"], panel["spend"], job.names("channels"))
    builder.with_organic_media(panel["organic"], job.names("organics"))
    return builder.build()


def main():
    warnings.simplefilter("ignore")
    job = Job.from_command_line()
    effort = job.effort
    with job.phase("build"):
        fitted = model.Meridian(input_data=input_data(job), model_spec=spec.ModelSpec())
    with job.phase("sample"):
        fitted.sample_posterior(
            n_chains=effort["chains"], n_adapt=effort["tune"], n_burnin=0, n_keep=effort["draws"], seed=effort["seed"]
        )
    roi = np.asarray(fitted.inference_data.posterior[constants.ROI_M].values, dtype=np.float64)
    stats = fitted.inference_data.sample_stats
    job.finish(
        # Its ROI parameter is contribution over spend by construction: no further pass over the draws is needed.
        roi * job.panel["spend"].sum((0, 1)),
        divergences=stats["diverging"].sum(),
        gradients=stats["n_steps"].sum(),
        setting="defaults",
        versions={name: version(name) for name in ("google-meridian", "tensorflow")},
    )


if __name__ == "__main__":
    main()
