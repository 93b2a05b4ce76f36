"""Worker: pymc-marketing on nutpie.

Meant to be its fastest healthy setting: priors on the scale of the scaled outcome, carry-over and saturation pooled
over geos, controls standardised, compiled without the per-week arrays that nobody asks for here.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version

import numpy as np
import nutpie
import pandas as pd
import pymc.dims as pmd
import pytensor.xtensor as ptx
from exchange import Job
from pymc_extras.prior import Prior
from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation

#: As many as ours.
LAGS, HARMONICS = 10, 3


def effect_prior(geo):
    """Media effects partially pooled over geos.

    Centred Normal: with 150 weeks a geo the data are rich. Its log-normal without centring, the form its gallery shows,
    took 20 times the gradients here.
    """
    if not geo:
        return Prior("HalfNormal", sigma=0.5, dims="channel")
    mean, spread = Prior("HalfNormal", sigma=0.3, dims="channel"), Prior("HalfNormal", sigma=0.1, dims="channel")
    return Prior("Normal", mu=mean, sigma=spread, dims=(*geo, "channel"))


def media_table(job):
    """One row per geo and week; controls and organic media standardised (unscaled ones end in divergences)."""
    geos, weeks = job.panel["outcome"].shape
    table = pd.DataFrame({"date": np.tile(pd.to_datetime(job.panel["dates"]), geos)})
    table["geo"] = np.repeat(job.names("geos"), weeks)
    for index, name in enumerate(job.names("channels")):
        table[name] = job.panel["exposure"][..., index].ravel()
    for kind, names in (("control", "controls"), ("organic", "organics")):
        values = job.panel[kind]
        scaled = (values - values.mean((0, 1))) / values.std((0, 1))
        for index, name in enumerate(job.names(names)):
            table[name] = scaled[..., index].ravel()
    table["y"] = job.panel["outcome"].ravel()
    return table


def media_mix_model(job, table):
    """The model, built, with the money each channel brought as one more quantity."""
    geo = ("geo",) if len(job.panel["geos"]) > 1 else ()
    by_channel = {"dims": "channel"}
    model = MMM(
        date_column="date",
        target_column="y",
        channel_columns=job.names("channels"),
        control_columns=job.names("controls") + job.names("organics"),
        dims=geo or None,
        adstock=GeometricAdstock(l_max=LAGS, priors={"alpha": Prior("Beta", alpha=1, beta=3, **by_channel)}),
        saturation=LogisticSaturation(
            priors={"lam": Prior("Gamma", alpha=3, beta=1, **by_channel), "beta": effect_prior(geo)}
        ),
        yearly_seasonality=HARMONICS,
        model_config={
            "intercept": Prior("Normal", mu=0.5, sigma=0.5, dims=geo),
            "likelihood": Prior("Normal", sigma=Prior("HalfNormal", sigma=0.5), dims=("date", *geo)),
            "gamma_control": Prior("Normal", mu=0, sigma=0.5, dims="control"),
            "gamma_fourier": Prior("Normal", mu=0, sigma=0.2, dims="fourier_mode"),
        },
    )
    model.build_model(table if geo else table.drop(columns="geo"))
    value = job.panel["value_per_unit"].T if geo else job.panel["value_per_unit"][0]
    with model.model as built:
        contribution = built["channel_contribution"] * built["target_scale"]
        money = contribution * ptx.as_xtensor(value, dims=("date", *geo))
        pmd.Deterministic("channel_value", money.sum(dim=("date", *geo)))
    return model


def main():
    warnings.simplefilter("ignore")
    job = Job.from_command_line()
    with job.phase("build"):
        model = media_mix_model(job, media_table(job))
    with job.phase("compile"):
        compiled = nutpie.compile_pymc_model(model._get_sampling_model(), var_names=["channel_value"])  # noqa: SLF001
    effort = job.effort
    # 300 tuning + 150 draws at 40 geos: diagonal 90 CPU-s for ESS 278, low rank 180 for 249; nationally low rank leads.
    adaptation = "diag" if len(job.panel["geos"]) > 1 else "low_rank"
    with job.phase("sample"):
        trace = nutpie.sample(
            compiled,
            draws=effort["draws"],
            tune=effort["tune"],
            chains=effort["chains"],
            cores=2,
            seed=effort["seed"],
            adaptation=adaptation,
            progress_bar=False,
            save_warmup=False,
        )
    job.finish(
        trace.posterior["channel_value"].transpose("chain", "draw", "channel").values,
        divergences=trace.sample_stats["diverging"].sum(),
        gradients=trace.sample_stats["n_steps"].sum(),
        setting=f"nutpie {adaptation}, logistic saturation",
        versions={name: version(name) for name in ("pymc-marketing", "pymc", "nutpie", "numba")},
    )


if __name__ == "__main__":
    main()
