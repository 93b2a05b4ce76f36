"""Media mix models side by side: CPU-seconds to converged contributions, ours, pymc-marketing and Meridian.

``make bench-mmm`` or ``python -m benchmarks.mmm_peers [--only ours] [--panels robyn] [--limit 600] [--json FILE]``

**Bar.** Rank-normalised split R-hat ≤ 1.01 and bulk ESS ≥ 400 on every paid channel's contribution over the whole panel
(ROAS is contribution over spend, so the same numbers), 4 chains on 2 cores, diagnosed by one function
(`mmm.diagnostics.convergence`, ArviZ) from the draws that each package hands over.

**Cost.** CPU time of a whole process, children included, user and system. Each run is a process of its own that starts
with empty compile caches; imports are given apart and left out of the cost, compiling is in it and given apart. Where
compiled code survives the process the reached stage is run a second time, warm.

**Effort.** Ours runs at its defaults, its one automatic retry included. The peers get twice the tuning and twice the
draws stage by stage until the bar is reached or a stage passes ``--limit`` CPU-seconds; what counts is the reaching
stage alone, as if the right effort had been known beforehand. ESS a CPU-second of sampling is free of where the stages
happen to lie.

**Same data, not same model.** Every package sees the same outcome, media, spend, controls and organic media. The peers
keep their own priors and forms where those are cheaper (`work_pymc_marketing`, `work_meridian` say what was chosen and
why): no time-varying baseline for pymc-marketing, ours has knots every four weeks.

**Environments.** Each peer in ``.venv-peers/NAME``, made with uv from the pinned list beside this file, wheels only.
One that cannot be made is skipped with the reason in the table.

Results go to a JSON file, merged run by run, so that one package can be measured again alone.
"""
