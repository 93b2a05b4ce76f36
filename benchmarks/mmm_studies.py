"""What the studies of the media mix model share: fits in parallel, one JSON line each, resumed where they stopped."""

from __future__ import annotations

import json
import statistics
import sys
import time
import traceback
from pathlib import Path

import numpy as np


def add_study_options(parser, *, out: str) -> None:
    """Options that say how a study is run."""
    parser.add_argument("--spec", default="{}", help="fields of ModelSpec as JSON")
    parser.add_argument("--fit-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(out), help="JSON lines; fits found there are not repeated")
    parser.add_argument("--label", default="", help="goes into every line: tells versions of the code apart")
    parser.add_argument("--report-only", action="store_true", help="no fits, only the tables of what is there")


def settings(arguments) -> dict:
    """What a fit depends on besides its market, as it is kept in every line."""
    return {"spec": json.loads(arguments.spec), "fit_seed": arguments.fit_seed, "label": arguments.label}


def model_spec(case: dict, holidays: str | None):
    """The ModelSpec of a case."""
    from mmm.spec import ModelSpec

    return ModelSpec.from_json(json.dumps({"holidays": holidays, **case["spec"]}))


def fitted_row(case: dict, panel, holidays: str | None, lifts=()) -> tuple[object, dict]:
    """Fit a panel; the result, and the values every study keeps."""
    from mmm.model import MMM

    started, clock = time.process_time(), time.perf_counter()
    fitted = MMM(model_spec(case, holidays)).fit(panel, lifts, seed=case["fit_seed"])
    seconds, wall = time.process_time() - started, time.perf_counter() - clock
    table, near = fitted.channels_table(), fitted.channels_table(level=1e-9)
    found = {check.name: check.value for check in fitted.checks}
    columns = [f"{name}{end}" for name in ("roas", "marginal_roas", "contribution") for end in ("", "_lower", "_upper")]
    row = {
        "cpu_s": round(seconds, 2),
        "wall_s": round(wall, 2),
        "healthy": bool(fitted.healthy),
        "failed": [check.name for check in fitted.checks if check.blocking and not check.passed],
        "hints": [check.name for check in fitted.checks if not check.blocking and not check.passed],
        "retried": str(fitted.options.get("retried_after", "")),
        **{name: found.get(name) for name in ("r_hat", "ess_bulk", "ess_tail", "divergences")},
        "channels": list(fitted.channels),
        **{name: table[name].tolist() for name in columns},
        # An interval of next to no level has both ends at the median.
        "roas_median": near[["roas_lower", "roas_upper"]].mean(axis=1).tolist(),
    }
    total = fitted.total_contribution()
    row |= {"total": total.value, "total_lower": total.interval.lower, "total_upper": total.interval.upper}
    return fitted, row


def read_rows(path: Path) -> list[dict]:
    """Lines of an earlier, perhaps stopped, study; a last line cut short is left out."""
    rows = []
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                sys.stderr.write(f"left out a line cut short in {path}\n")
    return rows


def run_study(function, todo: list[dict], arguments) -> list[dict]:
    """Rows of all cases: those found in ``--out``, the others fitted now, each written as it ends.

    ``function(case)`` returns a dict; its row is ``{"case": case, **dict}``. A case that fails with an exception is
    reported, not written, and so tried again next time.
    """
    known = {_key(row["case"]): row for row in read_rows(arguments.out)}
    missing = [] if arguments.report_only else [case for case in todo if _key(case) not in known]
    if missing:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with arguments.out.open("a", encoding="utf-8") as sink:
            if sink.tell() and not arguments.out.read_text("utf-8").endswith("\n"):
                sink.write("\n")
            for number, row in enumerate(_rows(function, missing, arguments.jobs), 1):
                passed = time.perf_counter() - started
                left = passed / number * (len(missing) - number) / 60.0
                note = row.get("error") or f"{row['cpu_s']:.0f} CPU s, healthy {row['healthy']}"
                sys.stderr.write(f"{number} of {len(missing)}, {left:.0f} min left: {_brief(row['case'])}: {note}\n")
                if "error" not in row:
                    known[_key(row["case"])] = row
                    sink.write(json.dumps(row) + "\n")
                    sink.flush()
    return [known[_key(case)] for case in todo if _key(case) in known]


def _rows(function, missing: list[dict], jobs: int):
    from joblib import Parallel, delayed, parallel_config

    tasks = (delayed(_guarded)(function, case) for case in missing)
    if jobs == 1:
        yield from (_guarded(function, case) for case in missing)
        return
    # Chains are the parallelism within a fit: BLAS threads on top would fight them.
    with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        yield from Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)(tasks)


def _guarded(function, case: dict) -> dict:
    """A study of hours goes on where one market fails; the failure is told and not counted as a result."""
    try:
        return {"case": case, **function(case)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the other markets are still worth fitting
        sys.stderr.write(traceback.format_exc())
        return {"case": case, "error": f"{type(error).__name__}: {error}".splitlines()[0]}


def _key(case: dict) -> str:
    return json.dumps(case, sort_keys=True)


def _brief(case: dict) -> str:
    return " ".join(str(value) for name, value in case.items() if name not in ("spec", "label", "fit_seed"))


def share(hits: list[list[bool]]) -> str:
    """Share of all cells, and its standard error with markets (not cells) as the independent units."""
    cells = sum(len(one) for one in hits)
    if not cells:
        return "–"
    rate = sum(sum(one) for one in hits) / cells
    if len(hits) < 2:
        return f"{rate:.0%}"
    # Ratio estimator over clusters: cells of one market rise and fall together.
    residual = [sum(one) - rate * len(one) for one in hits]
    error = np.sqrt(len(hits) / (len(hits) - 1) * sum(value**2 for value in residual)) / cells
    return f"{rate:.1%} ± {error:.1%}"


def middle(values, form: str = ".1%") -> str:
    """Median, formatted."""
    found = [value for value in values if value is not None]
    return format(statistics.median(found), form) if found else "–"


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)
