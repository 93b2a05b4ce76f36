"""Every page, in both languages and every state, without a browser."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from app.addresses import ADDRESSES, address

Draw = Callable[..., str]
PAGES = tuple(address(page) for page in ADDRESSES)
CREATIVES_EN = ("The leader of each device", "4.37%", "thin: read the interval", "By segment", "71.0%")
CREATIVES_DE = ("Das führende je device", "4,37\xa0%", "auf das Intervall achten", "Nach Segment", "71,0\xa0%")
MORE_GEO_EN = ("Cell by cell", "where nothing was changed", "Other readings", "outside", "wanted 80%")
MORE_GEO_DE = ("Zelle für Zelle", "wo nichts verändert wurde", "Andere Lesarten", "außerhalb", "80\xa0%")
EXPECTED = {
    ("", "en"): ("Move €24,000 a week", "+€21,400", "4%", "last week €16,800", "Search", "Proven", "Data up to"),
    ("", "de"): ("24.000\xa0€ pro Woche umschichten", "+21.400\xa0€", "4\xa0%", "Vorwoche 16.800\xa0€", "Belegt"),
    ("budget", "en"): (
        "With 10% less budget",
        "-€28,000",
        "Outcome against budget",
        "Switch it off in Hamburg, Bremen for 6 weeks",
        "+€39,100",
        "TV changes by at most 25%",
        "worst 10% of cases",
        "+€3,000 of outcome in all",
    ),
    ("budget", "de"): (
        "Mit 10\xa0% weniger Budget",
        "-28.000\xa0€",
        "Ergebnis und Budget",
        "TV ändert sich um höchstens 25\xa0%",
        "Abschalten in Hamburg, Bremen, 6 Wochen lang",
        "in den schlechtesten 10\xa0% der Fälle",
    ),
    ("what-changed", "en"): ("The advice is the same", "last week €16,800", "New data + Another model", "was 1.90"),
    ("what-changed", "de"): ("Der Rat ist für jeden Kanal derselbe", "Neue Daten + Anderes Modell"),
    ("planner", "en"): ("What if?", "≤ 0.01%", "no plan under these wishes", "found in", "Total budget €244,000"),
    ("planner", "de"): ("Was wäre wenn?", "kein Plan unter diesen Wünschen", "Gesamtbudget 244.000\xa0€"),
    ("audit", "en"): ("The log is as it was written", "recommended", "2026-W47", "€24,000"),
    ("audit", "de"): ("Das Protokoll ist, wie es geschrieben wurde", "empfohlen", "24.000\xa0€"),
    ("media-mix", "en"): ("Where the outcome comes from", "Contribution over time", "Response curves", "€13.7m"),
    ("media-mix", "de"): ("Woher das Ergebnis kommt", "Wirkungskurven", "1,90", "Mio."),
    ("geo-lift", "en"): ("Display: no lift detected", "p-value", "9.4% of the time", "Hamburg, Saarland", *MORE_GEO_EN),
    ("geo-lift", "de"): (
        "Display: kein Lift nachweisbar",
        "p-Wert",
        "in 9,4\xa0% der Fälle",
        "Hamburg, Saarland",
        *MORE_GEO_DE,
    ),
    ("creatives", "en"): ("take Dog", "Keep it running", "confirmed", "93.0%", *CREATIVES_EN),
    ("creatives", "de"): ("Dog nehmen", "Weiterlaufen lassen", "bestätigt", "93,0\xa0%", *CREATIVES_DE),
    ("content-pipeline", "en"): (
        "Hallucination rate",
        "goal at most 4.0 s",
        "Stop the canary",
        "unusual cost",
        "Error budgets",
        "Judge against people",
        "Incremental revenue",
    ),
    ("content-pipeline", "de"): (
        "Halluzinationsquote",
        "Ziel höchstens 4,0 s",
        "anhalten",
        "ungewöhnliche Kosten",
        "Fehlerbudgets",
        "Bewerter und Menschen",
        "Zusätzlicher Umsatz",
    ),
    ("data-health", "en"): ("data/panel.csv", "Media mix model", "Chains agree (R-hat)"),
    ("data-health", "de"): ("data/panel.csv", "Media-Mix-Modell", "Ketten stimmen überein (R-hat)"),
}


@pytest.mark.parametrize(("path", "language"), list(EXPECTED))
def test_a_page_says_what_it_should(open_page: Draw, workspace: Path, path: str, language: str) -> None:
    said = open_page(workspace, path, language)
    missing = [text for text in EXPECTED[path, language] if text not in said]
    assert not missing


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("", "liftwerk weekly"),
        ("budget", "liftwerk plan"),
        ("what-changed", "liftwerk weekly"),
        ("planner", "liftwerk plan"),
        ("attribution", "liftwerk attribute"),
        ("audit", "liftwerk weekly"),
        ("media-mix", "liftwerk fit"),
        ("geo-lift", "liftwerk geo read"),
        ("creatives", "liftwerk creatives"),
        ("content-pipeline", "liftwerk content"),
        ("data-health", "liftwerk weekly"),
    ],
)
@pytest.mark.parametrize(("language", "title"), [("en", "Nothing here yet"), ("de", "Hier ist noch nichts")])
def test_an_empty_workspace_names_the_command(
    open_page: Draw, empty_workspace: Path, path: str, command: str, language: str, title: str
) -> None:
    said = open_page(empty_workspace, path, language)
    assert title in said
    assert command in said


def test_before_the_first_decision_a_failed_fit_and_what_can_be_read_are_named(
    open_page: Draw, sick_workspace: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(sick_workspace, tmp_path / "copy"))
    shutil.rmtree(copy / "exports")
    said = open_page(copy, "", "de")
    assert "Noch keine Entscheidung" in said
    assert "Nicht danach handeln" in said
    assert "Ketten stimmen überein (R-hat)" in said
    assert "Schon ausgewertet: Media-Mix, Geo-Tests, Werbemittel und Content-Pipeline." in said


def test_an_unhealthy_week_says_do_not_act_with_the_remedy(open_page: Draw, sick_workspace: Path) -> None:
    said = open_page(sick_workspace)
    assert "Do not act this week" in said
    assert "Move €" not in said
    assert "Raise mmm.tune to 2000 and fit again" in said
    assert "lw-quiet" in said
    assert "Calculated" in said
    assert "may not be trusted" in said


def test_an_unhealthy_fit_says_do_not_act_on_its_own_page(open_page: Draw, sick_workspace: Path) -> None:
    said = open_page(sick_workspace, "media-mix", "de")
    assert "Nicht danach handeln" in said
    assert "nicht bestanden" in said


def test_data_health_puts_the_failed_run_first(open_page: Draw, sick_workspace: Path) -> None:
    said = open_page(sick_workspace, "data-health")
    assert said.index("✕ Media mix model") < said.index("✓ Budget plan")


def test_without_settings_the_page_says_what_to_do(open_page: Draw, tmp_path: Path) -> None:
    said = open_page(tmp_path)
    assert "there is no liftwerk.toml here" in said
    assert "liftwerk init" in said


def _newest(folder: Path, kind: str) -> Path:
    return max(run for run in (folder / "runs" / kind).iterdir() if run.is_dir())


@pytest.mark.parametrize(
    ("path", "kind", "file", "spoil", "expected"),
    [
        ("media-mix", "mmm", "channels.csv", b"channel,spend\nsearch,1\n", "contribution"),
        ("media-mix", "mmm", "curves.parquet", b"not parquet", "cannot be read"),
        ("media-mix", "mmm", "fit.csv", None, "is missing"),
        ("geo-lift", "geo_readout", "readout.json", b"{", "cannot be read"),
        ("creatives", "creatives", "stop.json", b"[]", "does not hold what it should"),
        ("content-pipeline", "content", "kpis.csv", b"", "cannot be read"),
        ("data-health", "mmm", "manifest.json", b"{}", "manifest"),
    ],
)
def test_a_broken_artifact_is_named_and_nothing_else_breaks(
    open_page: Draw, own_copy: Path, path: str, kind: str, file: str, spoil: bytes | None, expected: str
) -> None:
    target = _newest(own_copy, kind) / file
    if spoil is None:
        target.unlink()
    else:
        target.write_bytes(spoil)
    said = open_page(own_copy, path)
    assert "This page cannot be shown" in said
    assert expected in said
    assert "Traceback" not in said


def test_a_broken_run_leaves_the_first_page_alone(open_page: Draw, own_copy: Path) -> None:
    (_newest(own_copy, "mmm") / "channels.csv").write_bytes(b"")
    assert "Move €24,000" in open_page(own_copy)


def test_a_broken_decision_is_named(open_page: Draw, own_copy: Path) -> None:
    (own_copy / "exports" / "2026-W48" / "decision.json").write_text('{"week": "2026-W48"}', encoding="utf-8")
    said = open_page(own_copy)
    assert "exports/2026-W48/decision.json" in said
    assert "liftwerk weekly" in said


def test_drafts_of_a_job_at_work_are_not_read(open_page: Draw, own_copy: Path) -> None:
    draft = own_copy / "exports" / ".draft-2026-W49-ab12"
    draft.mkdir()
    (draft / "decision.json").write_text("{", encoding="utf-8")
    assert "Move €24,000" in open_page(own_copy)


def test_names_from_the_data_are_escaped(open_page: Draw, own_copy: Path, fake: ModuleType) -> None:
    file = own_copy / "exports" / "2026-W48" / "decision.json"
    hostile = "<script>alert(1)</script>"
    file.write_text(file.read_text(encoding="utf-8").replace('"search"', f'"{hostile}"'), encoding="utf-8")
    said = open_page(own_copy)
    assert hostile not in said
    assert "&lt;script&gt;" in said


def test_a_fault_of_ours_ends_in_words(
    open_page: Draw, workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("app.views.this_week.headline", fail)
    said = open_page(workspace)
    assert "Something went wrong on our side" in said
    assert "secret detail" not in said
    assert "secret detail" in caplog.text


def test_remedies_are_german_on_german_pages(open_page: Draw, sick_workspace: Path) -> None:
    said = open_page(sick_workspace, "", "de")
    assert "Diese Woche nicht handeln" in said
    assert "draws und tune in [mmm] erhöhen" in said
    assert "fit again" not in said


def test_a_national_fit_shows_its_band_and_needs_no_plan(open_page: Draw, own_copy: Path) -> None:
    import shutil

    import pandas as pd

    file = _newest(own_copy, "mmm") / "fit.csv"
    fit = pd.read_csv(file)
    fit[fit["geo"] == "Berlin"].to_csv(file, index=False)
    shutil.rmtree(own_copy / "runs" / "plan")
    said = open_page(own_copy, "media-mix")
    assert "Observed and modelled" in said
    assert "The sum over geos has no band" not in said
    assert "there is no plan yet" in said


def test_an_unbounded_interval_and_an_unread_test_are_said_in_words(open_page: Draw, own_copy: Path) -> None:

    file = _newest(own_copy, "geo_readout") / "readout.json"
    readout = json.loads(file.read_text(encoding="utf-8"))
    readout["incremental_outcome"] |= {"lower": None}
    readout |= {"iroas": None, "aa_rejection": None, "verdict": {"rule": "not_enough_data", "facts": {}}}
    file.write_text(json.dumps(readout), encoding="utf-8")
    said = open_page(own_copy, "geo-lift", "de")
    assert "Display: nicht genug Daten" in said
    assert "offen" in said


def test_a_week_that_holds_moves_nothing(open_page: Draw, own_copy: Path) -> None:

    file = own_copy / "exports" / "2026-W48" / "decision.json"
    decision = json.loads(file.read_text(encoding="utf-8"))
    decision |= {"state": "hold", "moved": 0.0, "next_test": None, "chance_of_loss": 0.0}
    for line in decision["channels"]:
        line |= {"action": "hold", "proposed": line["current"], "calculated": line["current"], "change": 0.0}
    file.write_text(json.dumps(decision), encoding="utf-8")
    said = open_page(own_copy)
    assert "Leave the budget as it is" in said
    assert "&lt; 1%" in said
    assert "No experiment would change the budget" in said


@pytest.mark.parametrize(("age", "expected"), [(3, "Data up to 22 Nov 2026"), (14, "Data up to"), (15, "15 days ago")])
def test_stale_data_are_flagged(workspace: Path, age: int, expected: str) -> None:
    import datetime as dt

    from app.scene import Scene
    from app.theme import LIGHT
    from app.views.this_week import data_badge
    from measurement.wording import load_wording
    from measurement.workspace import Workspace

    scene = Scene(workspace=Workspace.open(workspace), wording=load_wording("app", "en_GB", "EUR"), palette=LIGHT,
                  decided=load_wording("decisions", "en_GB", "EUR"))  # fmt: skip
    until = dt.date(2026, 11, 22)
    said = data_badge(scene, until, until + dt.timedelta(days=age))
    assert expected in said
    assert ("lw-warn" in said) == (age > 14)


def _rewrite_plan(folder: Path, change: dict[str, object]) -> None:

    file = _newest(folder, "plan") / "plan.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")


def test_a_budget_page_without_a_past_draws_or_room_says_so(open_page: Draw, own_copy: Path) -> None:
    import pandas as pd

    run = _newest(own_copy, "plan")
    closed = {"change": 0.1, "total": 268e3, "difference": None, "next_euro": None, "reason": "clash"}
    _rewrite_plan(own_copy, {"flight": {"reason": "on/off"}})
    assert "cannot hold week by week" in open_page(own_copy, "budget")
    _rewrite_plan(
        own_copy, {"flight": None, "difference": None, "tests": [], "shadow_prices": {}, "sensitivity": [closed]}
    )
    (run / "risk.csv").unlink()
    pd.read_csv(run / "frontier.csv").iloc[2:3].to_csv(run / "frontier.csv", index=False)
    said = open_page(own_copy, "budget")
    for sentence in (
        "carry no uncertainty, so there is no risk",
        "a test could teach nothing",
        "No rule holds the plan back",
        "no plan within your rules",
        "Your rules leave only this budget",
    ):
        assert sentence in said
    assert "There is no plan of an earlier week" in open_page(own_copy, "what-changed")


def test_a_plan_of_an_earlier_version_asks_for_a_new_one(open_page: Draw, own_copy: Path) -> None:

    file = _newest(own_copy, "plan") / "plan.json"
    file.write_text(json.dumps({"value": 1.0, "gap": 0.0}), encoding="utf-8")
    assert "liftwerk plan --again" in open_page(own_copy, "budget")


def test_a_plan_by_geo_shows_where(open_page: Draw, own_copy: Path) -> None:
    import pandas as pd

    file = _newest(own_copy, "plan") / "allocation.csv"
    table = pd.read_csv(file)
    halves = [
        table.assign(geo=geo, proposed=table["proposed"] * share) for geo, share in (("Berlin", 0.3), ("Hessen", 0.7))
    ]
    pd.concat(halves).to_csv(file, index=False)
    said = open_page(own_copy, "budget")
    assert "Change by channel and geo" in said
    assert "The largest change is TV in Berlin." in said


def test_the_week_names_the_design_and_its_cost(open_page: Draw, workspace: Path) -> None:
    said = open_page(workspace)
    assert "Switch it off in Hamburg, Bremen for 6 weeks" in said
    assert "It costs about €9,000" in said


def test_a_changed_log_is_named_on_its_page_and_nothing_can_be_approved(open_page: Draw, own_copy: Path) -> None:
    log = own_copy / "audit" / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"24000", b"25000"))
    said = open_page(own_copy, "audit", "de")
    assert "Das Protokoll wurde verändert" in said
    assert "Zeile 2 ist fehlerhaft" in said


def test_the_first_page_says_where_the_decision_stands(open_page: Draw, own_copy: Path) -> None:
    from decisions.people import Person
    from decisions.review import Review
    from measurement.workspace import Workspace

    assert "Waiting for a decision" in open_page(own_copy)
    review = Review.of(Workspace.open(own_copy))
    standing = review.standing("2026-W48")
    assert standing is not None
    review.approve(Person(name="<b>Paula</b>", role="approver"), "2026-W48", standing.version, "fine")
    said = open_page(own_copy)
    assert "Approved by &lt;b&gt;Paula&lt;/b&gt;" in said
    assert "“fine”" in said


def test_an_unhealthy_week_offers_nothing_to_approve(open_page: Draw, sick_workspace: Path) -> None:
    assert "Nothing to approve: a check failed" in open_page(sick_workspace)


def test_data_health_names_what_blocks_the_week_first(open_page: Draw, own_copy: Path) -> None:
    file = own_copy / "exports" / "2026-W48" / "decision.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    assert "What blocks this week's decision" not in open_page(own_copy, "data-health")
    old = {"name": "data_age_days", "passed": False, "value": 56.0, "limit": 28.0, "blocking": True, "kind": "weekly",
           "remedy": "Bring the panel up to date, then run the week again"}  # fmt: skip
    file.write_text(json.dumps({**tree, "checks": [*tree["checks"], old]}), encoding="utf-8")
    os.utime(file, (2e9, 2e9))
    said = open_page(own_copy, "data-health", "de")
    assert said.index("Etwas steht im Weg") < said.index("Was die Entscheidung dieser Woche sperrt")
    assert said.index("Das Panel auf den neuesten Stand bringen") < said.index("Was liftwerk check in den Dateien")


def test_a_stopped_canary_is_the_headline_of_its_page(open_page: Draw, own_copy: Path) -> None:
    from decisions.canary_stops import Breach, CanaryStops
    from measurement.workspace import Workspace

    assert "Canaries stopped" not in open_page(own_copy, "content-pipeline")
    breach = Breach(team="web", pipeline="ads", kpis=("error_rate",), stopped_at="2026-11-14T09:00:00Z", facts={})
    CanaryStops.of(Workspace.open(own_copy)).latch([breach])
    said = open_page(own_copy, "content-pipeline", "de")
    assert "Angehaltene Canarys: 1" in said
    assert "seit 14.11.2026, 09:00 UTC" in said


@pytest.mark.parametrize(
    ("language", "typed", "said"),
    [
        ("de", "244.000,00", "Gesamtbudget 244.000\xa0€"),
        ("de", "250000", "Gesamtbudget 250.000\xa0€"),
        ("de", "244000.50", "„244000.50“ ist kein Betrag. Bitte so schreiben: 1.234,50."),
        ("de", "0", "Bitte zwischen 1\xa0€ und"),
        ("en", "1.234,50", "“1.234,50” is not an amount. Write it like 1,234.50."),
        ("en", "<b>x</b>", "“&lt;b&gt;x&lt;/b&gt;” is not an amount"),
    ],
)
def test_the_planner_reads_amounts_in_the_pages_language(
    open_page: Draw, workspace: Path, language: str, typed: str, said: str
) -> None:
    assert said in open_page(workspace, "planner", language, {f"planner_total_{language}": typed})
