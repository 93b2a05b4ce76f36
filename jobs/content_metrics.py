"""The newest content run for Prometheus: its text format, as a file or served until stopped."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd

from bandits.service.metrics import label_value
from jobs.runs import read_document
from jobs.session import Session
from measurement.errors import InputError
from measurement.store import RunRecord, RunStore, write_atomically
from measurement.workspace import Workspace

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HELP = {
    "liftwerk_content_kpi": "Value of a KPI on its latest day; (all) stands for totals.",
    "liftwerk_content_kpi_lower": "Lower end of its interval.",
    "liftwerk_content_kpi_upper": "Upper end of its interval.",
    "liftwerk_content_kpi_day_seconds": "Begin of that day, seconds since 1970.",
    "liftwerk_content_objective": "Objective of a KPI.",
    "liftwerk_content_objective_breached": "1 where the value is on the wrong side of its objective.",
    "liftwerk_content_canary_stopped": "1 while a canary is stopped.",
    "liftwerk_content_alerts": "Alerts of the run by kind.",
    "liftwerk_content_month_end_cost": "Forecast of the month's cost at its end.",
    "liftwerk_content_run_seconds": "When the run was made, seconds since 1970.",
}


def metrics_text(record: RunRecord) -> str:
    """Gauges of a content run, by team and model.

    Not judged is no sample: a KPI without a value has no line.
    """
    lines: list[str] = []
    before = ""
    for name, labels, value in sorted(_samples(record), key=lambda one: one[0]):
        if name != before:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
            before = name
        told = ",".join(f'{key}="{label_value(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{told}}} {value!r}" if told else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def write_metrics(workspace: Workspace, path: Path) -> None:
    """The text as a file, complete or not there: for the node exporter's collector of text files.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    try:
        write_atomically(path, metrics_text(_newest(workspace)))
    except OSError as wrong:
        raise InputError.of(
            "the file of metrics cannot be written", "Name a file in a folder that exists and may be written to",
            column="--metrics-file", value=f"{path}: {wrong.strerror}",
        ) from wrong  # fmt: skip


def serve_metrics(session: Session, port: int) -> None:
    """Answer ``GET /metrics`` on this machine until stopped, always from the newest run.

    Raises
    ------
    InputError
        Where the port is taken, or no run was made yet.
    """
    workspace = session.workspace()
    _newest(workspace)
    with metrics_server(workspace, port) as server:
        session.screen.line(f"Serving http://127.0.0.1:{server.server_address[1]}/metrics; Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            session.screen.line("Stopped.")


def metrics_server(workspace: Workspace, port: int) -> ThreadingHTTPServer:
    """A server that is not started yet; port 0 takes any."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.split("?")[0] == "/metrics"
            body = metrics_text(_newest(workspace)).encode() if found else b"see /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes come every few seconds: nobody reads a line for each."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Answer)
    except (OSError, OverflowError) as wrong:
        taken = isinstance(wrong, OSError) and wrong.errno == errno.EADDRINUSE
        why = "the port is taken" if taken else "the port cannot be opened"
        raise InputError.of(why, "Name another one, e.g. 9109", column="--serve-metrics", value=port) from wrong


def _newest(workspace: Workspace) -> RunRecord:
    record = RunStore(workspace.runs).latest("content")
    if record is None:
        raise InputError.of("no content run was made yet", "Run liftwerk content", column="runs/content")
    return record


def _samples(record: RunRecord) -> Iterator[tuple[str, dict[str, str], float]]:
    kpis = pd.read_csv(record.file("kpis.csv"), parse_dates=["day"])
    for row in kpis.sort_values("day").groupby(["team", "model", "kpi"]).tail(1).to_dict("records"):
        labels = {name: str(row[name]) for name in ("kpi", "team", "model")}
        yield "liftwerk_content_kpi", labels, float(row["value"])
        yield "liftwerk_content_kpi_day_seconds", labels, row["day"].timestamp()
        for name in ("lower", "upper"):
            if pd.notna(row[name]):
                yield f"liftwerk_content_kpi_{name}", labels, float(row[name])
        if pd.notna(row["objective"]):
            yield "liftwerk_content_objective", labels, float(row["objective"])
            yield "liftwerk_content_objective_breached", labels, float(str(row["breached"]) == "True")
    for kind, count in pd.read_csv(record.file("alerts.csv"))["kind"].value_counts().items():
        yield "liftwerk_content_alerts", {"kind": str(kind)}, float(count)
    forecast = record.file("cost_forecast.csv")  # runs of earlier versions have none
    for row in pd.read_csv(forecast).to_dict("records") if forecast.is_file() else ():
        yield "liftwerk_content_month_end_cost", {"team": str(row["team"]), "month": str(row["month"])}, row["forecast"]
    yield "liftwerk_content_canary_stopped", {}, float(read_document(record, "canary.json")["verdict"] == "stop")
    yield "liftwerk_content_run_seconds", {}, datetime.fromisoformat(record.created_at).timestamp()
