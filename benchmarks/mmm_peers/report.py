"""Results on disk, merged run by run, and the Markdown table drawn from them."""

from __future__ import annotations

import json

TITLES = {"ours": "liftwerk", "pymc_marketing": "pymc-marketing", "meridian": "Meridian"}
HEAD = (
    "data",
    "package",
    "CPU-s to the bar",
    "of it compile",
    "warm cache",
    "imports",
    "R-hat",
    "bulk ESS",
    "tail ESS",
    "ESS / CPU-s sampling",
    "divergences",
    "peak MB",
    "stages (tuning + draws a chain: CPU-s, R-hat, ESS)",
)


def read(path):
    """The results: panel → package → result; empty where nothing was measured yet."""
    return json.loads(path.read_text()) if path.exists() else {}


def merge(path, results):
    """Put ``(panel, package) → result`` in its place and leave the others as they are."""
    stored = read(path)
    for (panel, package), result in results.items():
        stored.setdefault(panel, {})[package] = result
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(stored, indent=1))
    beside.replace(path)


def costs(result):
    """CPU-seconds of the last stage: all but imports, sampling (with what follows it), compile, the same run warm.

    Compile is what the worker timed; where it could not (``compile`` is no phase), a run of a few draws stands for it,
    or the difference between the cold and the warm run.
    """
    last, warm, probe = result["stages"][-1], result.get("warm", {}), result.get("probe", {})
    spent = last["cpu"] - last["imports"]
    again = warm["cpu"] - warm["imports"] if "imports" in warm else None
    if "compile" in last["phases"]:
        compiling = last["phases"]["compile"]
    elif "phases" in probe:
        compiling = min(probe["phases"]["sample"], last["phases"]["sample"])
    else:
        compiling = max(spent - again, 0.0) if again is not None else None
    return {"spent": spent, "compile": compiling, "warm": again, "sampling": spent - (compiling or 0.0)}


def table(results):
    """One row a panel and package, in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for panel, packages in results.items():
        rows += [_row(panel, name, packages[name]) for name in TITLES if name in packages]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(panel, name, result):
    if "skipped" in result:
        return (panel, TITLES[name], f"skipped: {result['skipped']}", *["–"] * (len(HEAD) - 3))
    stages = "; ".join(_stage(stage) for stage in result["stages"])
    finished = [stage for stage in result["stages"] if "error" not in stage]
    if not finished:
        return (panel, TITLES[name], "not reached", *["–"] * (len(HEAD) - 4), stages)
    ended = {**result, "stages": finished}
    last, cost = finished[-1], costs(ended)
    return (
        panel,
        TITLES[name],
        f"{cost['spent']:.1f}" if result["reached"] else f"not reached in {cost['spent']:.0f}",
        _seconds(cost["compile"]),
        _seconds(cost["warm"]),
        _seconds(last["imports"]),
        f"{last['r_hat']:.3f}",
        f"{last['ess_bulk']:,.0f}",
        f"{last['ess_tail']:,.0f}",
        f"{last['ess_bulk'] / max(cost['sampling'], 1e-9):.1f}",
        f"{last['divergences']} of {last['chains'] * last['kept']:,}",
        f"{last['peak_mb']:,.0f}",
        stages,
    )


def _stage(stage):
    effort = f"{stage['tune']} + {stage['draws']}: " if "draws" in stage else f"{stage.get('setting', 'defaults')}: "
    if "error" in stage:
        return f"{effort}{stage['cpu']:.0f}, {stage['error']}"
    return f"{effort}{stage['cpu'] - stage['imports']:.0f}, {stage['r_hat']:.3f}, {stage['ess_bulk']:,.0f}"


def _seconds(value):
    return "–" if value is None else f"{value:.1f}"
