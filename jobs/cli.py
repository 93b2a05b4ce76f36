"""``liftwerk COMMAND``: the one entry point. Heavy imports happen inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jobs.screen import Screen
from jobs.session import Session, guarded

DEFAULT_SEED = 7

app = typer.Typer(
    name="liftwerk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Where should the next euro go, and how do we know?",
    context_settings={"help_option_names": ["-h", "--help"]},
)
geo = typer.Typer(no_args_is_help=True, help="Design and read geo tests.")
audit = typer.Typer(no_args_is_help=True, help="The log of decisions.")
users = typer.Typer(no_args_is_help=True, help="Who may sign in to the dashboard, and what they may do.")
platform = typer.Typer(no_args_is_help=True, help="Approved budgets into the files of advertising platforms.")
app.add_typer(geo, name="geo")
app.add_typer(audit, name="audit")
app.add_typer(users, name="users")
app.add_typer(platform, name="platform")

Folder = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="Folder with liftwerk.toml; left out, this folder or its nearest parent."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")]
Again = Annotated[bool, typer.Option("--again", help="Compute anew even if this result is there already.")]


def main() -> None:
    """Entry point of the ``liftwerk`` command."""
    app()


def _version(asked: bool) -> None:
    if asked:
        from measurement.store import code_version

        typer.echo(f"liftwerk {code_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Decide where the next euro goes, and say how we know."""


def _run(session: Session, work: Callable[[Session], int]) -> None:
    raise typer.Exit(guarded(session.screen, lambda: work(session)))


def _session(command: str, folder: Path | None, seed: int, *, as_json: bool) -> Session:
    return Session(folder=folder, seed=seed, screen=Screen(command, as_json=as_json))


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    as_json: Json = False,
) -> None:
    """Make a workspace with the sample data."""
    from jobs import commands

    session = _session("init", directory, DEFAULT_SEED, as_json=as_json)
    _run(session, lambda one: commands.init(one, directory))


@app.command()
def check(
    deep: Annotated[
        bool, typer.Option("--deep", help="Also say what the panel can and cannot teach a model, before a fit.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Validate every input; list each problem with its place and remedy."""
    from jobs import commands

    _run(_session("check", workspace, DEFAULT_SEED, as_json=as_json), lambda one: commands.check(one, deep=deep))


@app.command()
def fit(
    preview: Annotated[
        bool, typer.Option("--preview", help="A quick look in seconds: shows returns, writes no run, decides nothing.")
    ] = False,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Fit the media mix model with every known lift test."""
    from jobs import commands

    work = commands.preview if preview else partial(commands.fit, again=again)
    _run(_session("fit", workspace, seed, as_json=as_json), work)


@geo.command("design")
def geo_design(  # noqa: PLR0913, PLR0917 - one argument an option
    channel: Annotated[str, typer.Option("--channel", help="Channel to test.")],
    weeks: Annotated[int, typer.Option("--weeks", min=1, max=52, help="Length of the test.")],
    budget: Annotated[float | None, typer.Option("--budget", min=0.0, help="Most the test may cost.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="scale_up, go_dark or new.")] = "scale_up",
    change: Annotated[float, typer.Option("--change", help="Rise of spend, 1 doubles it; not for go_dark.")] = 1.0,
    include: Annotated[list[str] | None, typer.Option("--include", help="Geo to treat; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Geo never treated; repeatable.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", metavar="RULES.toml", help="More business rules.")] = None,
    cells: Annotated[int, typer.Option("--cells", min=1, help="Disjoint treated sets in one test.")] = 1,
    switchback: Annotated[bool, typer.Option("--switchback", help="Few geos: switch all of them in turn.")] = False,
    power: Annotated[float, typer.Option("--power", help="Wanted share of lifts found.")] = 0.8,
    certify: Annotated[float, typer.Option("--certify", min=0.0, help="Seconds to prove the best match.")] = 20.0,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Rank the sets of geos to treat by the smallest effect they find."""
    from jobs import commands
    from jobs.geo_design import DesignRequest

    request = DesignRequest(
        channel=channel,
        weeks=weeks,
        budget=budget,
        power=power,
        must_include=tuple(include or ()),
        must_exclude=tuple(exclude or ()),
        kind=kind,
        change=change,
        rules=rules,
        cells=cells,
        switchback=switchback,
        certify=certify,
    )
    session = _session("geo design", workspace, seed, as_json=as_json)
    _run(session, lambda one: commands.geo_design(one, request, again=again))


@geo.command("read")
def geo_read(
    test: Annotated[Path, typer.Argument(metavar="TEST.toml", help="The test, as in geo_tests/.")],
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Read a finished geo test."""
    from jobs import commands

    session = _session("geo read", workspace, seed, as_json=as_json)
    _run(session, lambda one: commands.geo_read(one, test, again=again))


@app.command()
def creatives(
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="CONTEXT", help="Also by segment, e.g. device; may be repeated.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Table arm_id, share: what would it have earned on this log?"),
    ] = None,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Judge the creatives: which is best, which tires, what to show next, what other policies would have earned."""
    from jobs import commands
    from jobs.creatives import CreativesRequest

    session = _session("creatives", workspace, seed, as_json=as_json)
    request = CreativesRequest(by=tuple(by or ()), policy=policy)
    _run(session, lambda one: commands.creatives(one, request, again=again))


@app.command()
def attribute(workspace: Folder = None, seed: Seed = DEFAULT_SEED, as_json: Json = False, again: Again = False) -> None:
    """Credit the channels on the paths to a purchase, and hold the credit against proof."""
    from jobs import commands

    _run(_session("attribute", workspace, seed, as_json=as_json), lambda one: commands.attribute(one, again=again))


@app.command()
def content(
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="STOP", help="Let a stopped canary go on; measures nothing.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it may go on; stands in the audit log.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who resumes; left out, this computer's user.")] = None,
    metrics_file: Annotated[
        Path | None, typer.Option("--metrics-file", help="Write the KPIs as Prometheus text there as well.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option("--serve-metrics", metavar="PORT", help="Then serve the KPIs to Prometheus until stopped."),
    ] = None,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Measure the content pipeline: KPIs, objectives, canaries, alerts; status 3 while a canary is stopped."""
    from jobs import commands, content_canary

    def work(one: Session) -> int:
        if resume is None:
            return commands.content(one, again=again, metrics_file=metrics_file, metrics_port=metrics_port)
        return content_canary.resume(one, resume, reason, by)

    _run(_session("content", workspace, seed, as_json=as_json), work)


@app.command()
def forget(
    unit: Annotated[str, typer.Option("--unit", help="The person's id, as the tables have it.")],
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
) -> None:
    """Remove a person from every file and make anew what rested on them."""
    from jobs import privacy

    _run(_session("forget", workspace, seed, as_json=as_json), lambda one: privacy.forget(one, unit))


@app.command()
def held(workspace: Folder = None, as_json: Json = False) -> None:
    """Tell what is held of people: tables, rows, days, how many persons, whether texts are kept."""
    from jobs import privacy

    _run(_session("held", workspace, DEFAULT_SEED, as_json=as_json), privacy.held)


@app.command()
def plan(
    curves: Annotated[
        Path | None, typer.Option("--curves", help="Table channel, draw, spend, outcome instead of a fit.")
    ] = None,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Find the best budget under your rules, with its certificate."""
    from jobs import commands

    session = _session("plan", workspace, seed, as_json=as_json)
    _run(session, lambda one: commands.plan(one, curves, again=again))


@app.command()
def weekly(
    week: Annotated[str | None, typer.Option("--week", help="ISO week to decide, e.g. 2026-W48.")] = None,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    again: Again = False,
) -> None:
    """Do everything that is due and write the week's decision; safe to repeat."""
    from jobs import commands

    session = _session("weekly", workspace, seed, as_json=as_json)
    _run(session, lambda one: commands.weekly(one, week, again=again))


@app.command("app")
def dashboard(
    workspace: Folder = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the dashboard.")] = 8501,
    address: Annotated[
        str, typer.Option("--address", help="Address to listen on; others than this machine's need a sign-in.")
    ] = "localhost",
) -> None:
    """Open the dashboard on this machine."""
    from jobs.dashboard import dashboard as serve

    _run(_session("app", workspace, DEFAULT_SEED, as_json=False), lambda one: serve(one, port, address))


@users.command("add")
def users_add(
    name: Annotated[str, typer.Argument(help="Name to sign in with; it stands in the audit log.")],
    role: Annotated[str, typer.Option("--role", help="viewer, analyst or approver.")] = "viewer",
    keep_password: Annotated[
        bool, typer.Option("--keep-password", help="Only change the role of a user who is there.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Add a user, or change role and password of one; asks for the password, or reads a line from a pipe."""
    from jobs.users import add_user

    session = _session("users add", workspace, DEFAULT_SEED, as_json=as_json)
    _run(session, lambda one: add_user(one, name, role, keep_password=keep_password))


@users.command("list")
def users_list(workspace: Folder = None, as_json: Json = False) -> None:
    """List users and roles."""
    from jobs.users import list_users

    _run(_session("users list", workspace, DEFAULT_SEED, as_json=as_json), list_users)


@users.command("remove")
def users_remove(name: str, workspace: Folder = None, as_json: Json = False) -> None:
    """Take a user away; open sessions end at once."""
    from jobs.users import remove_user

    _run(_session("users remove", workspace, DEFAULT_SEED, as_json=as_json), lambda one: remove_user(one, name))


@platform.command("fill")
def platform_fill(
    template: Annotated[Path, typer.Argument(metavar="TEMPLATE", help="CSV or XLSX as downloaded from the platform.")],
    name: Annotated[str, typer.Option("--platform", help="Table [platforms.NAME] of liftwerk.toml.")],
    week: Annotated[str | None, typer.Option("--week", help="Approved week; left out, the newest.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the filled file; left out, only the changes are shown.")
    ] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Show what an approved budget changes in a template; write it with --out."""
    from jobs.platform import fill

    session = _session("platform fill", workspace, DEFAULT_SEED, as_json=as_json)
    _run(session, lambda one: fill(one, template, name, week=week, out=out))


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8700,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")] = 1,
    store: Annotated[
        str | None, typer.Option("--store", help="SQLite file or postgresql://…; left out, serve/log.sqlite.")
    ] = None,
    fsync: Annotated[bool, typer.Option("--fsync", help="Sync each batch to the disk before it is answered.")] = False,
    rate: Annotated[
        float, typer.Option("--rate", min=1.0, help="Requests a second for each API key and worker.")
    ] = 2e4,
    refresh: Annotated[float, typer.Option("--refresh", min=0.2, help="Seconds between looks of the learner.")] = 10.0,
    workspace: Folder = None,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Serve creative decisions over HTTP, and learn from their rewards."""
    from jobs.serve import ServeRequest
    from jobs.serve import serve as run

    request = ServeRequest(
        host=host, port=port, workers=workers, store=store, fsync=fsync, rate=rate, refresh_s=refresh
    )
    _run(_session("serve", workspace, seed, as_json=False), lambda one: run(one, request))


@audit.command("verify")
def audit_verify(workspace: Folder = None, as_json: Json = False) -> None:
    """Check the hash chain of the audit log."""
    from jobs import commands

    _run(_session("audit verify", workspace, DEFAULT_SEED, as_json=as_json), commands.audit_verify)


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the sample goes.")] = Path("liftwerk-demo"),
    no_app: Annotated[bool, typer.Option("--no-app", help="Stop before the dashboard.")] = False,
    seed: Seed = DEFAULT_SEED,
    as_json: Json = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the dashboard.")] = 8501,
) -> None:
    """Sample data, the weekly decision, the dashboard."""
    from jobs import commands

    session = _session("demo", directory, seed, as_json=as_json)
    _run(session, lambda one: commands.demo(one, directory, port=None if no_app else port))
