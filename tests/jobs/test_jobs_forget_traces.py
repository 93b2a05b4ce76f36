"""``liftwerk forget`` against every way in which a file may hold an id: escaped, compressed, numeric, nested, freed."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import zipfile

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import forget_files
from jobs.content import run_content
from jobs.forget import REBUILT, run_forget
from measurement.erasure import erased_archive, erased_table, erased_words
from measurement.errors import InputError
from measurement.packing import unpacked
from measurement.person import Person
from measurement.workspace import Workspace
from monitoring.intake.store import DayStore

T0 = 1_772_445_600_000_000_000
SETTINGS = (
    '[workspace]\ncurrency = "EUR"\n[content]\nspans = "data/spans/*"\ntables = "data/content/"\nkeep_text = true\n'
)
IDS = (
    'O"Neil & Söhne',
    *(pytest.param(unit, marks=pytest.mark.slow) for unit in ("kunde-4711", "40025511", "müller", "x" * 300)),
)


def span(number, person, trace=None, *, day=0, text=""):
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": "40025"}
    if person:
        attributes["user.id"] = person
    if text:
        attributes["gen_ai.prompt"] = json.dumps([{"content": f"Hi\n{text}"}])
    start = T0 + day * 86_400 * 10**9 + number * 10**9
    return {
        "traceId": f"{trace or number:032x}", "spanId": f"{number:016x}", "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 5 * 10**8),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }  # fmt: skip


def lines(*spans, ascii_only=True):
    made = [{"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]} for one in spans]
    return "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in made)


def fill(root, unit):
    """A workspace whose files hold the id in every way; `others` must stay."""
    spans, tables = root / "data" / "spans", root / "data" / "content"
    spans.mkdir(parents=True)
    tables.mkdir()
    (root / "liftwerk.toml").write_text(SETTINGS)
    others = [span(n, f"{unit}0" if n % 2 else f"{unit}-b", day=n % 3) for n in range(100, 130)]
    theirs = [span(n, unit, day=n % 3) for n in range(1, 6)] + [span(6, None, 1), span(7, None, text=unit, day=4)]
    broken = json.dumps(lines(span(8, unit)))[:-40] + "\n" + '{"a":' * 50_000 + "\n"
    (spans / "plain.jsonl").write_text(lines(*others[:10], *theirs[:3]) + broken)
    (spans / "rotated.jsonl.1").write_text(lines(*others[10:15], theirs[3], ascii_only=False))
    (spans / "packed.jsonl.gz").write_bytes(gzip.compress(lines(*others[15:20], theirs[4]).encode()))
    zstd = pa.compress(lines(*others[20:], *theirs[5:]).encode(), codec="zstd", asbytes=True)
    (spans / "framed.jsonl.zst").write_bytes(zstd)
    scores = [{"span_id": f"{n:016x}", "name": "hallucination", "value": n % 2, "source": "human"} for n in (1, 6, 101)]
    pd.DataFrame(scores).to_csv(tables / "gen_score.csv", index=False)
    other_files(root / "data", unit)
    return Workspace.open(root)


def other_files(data, unit):
    """Tables, databases and texts that liftwerk itself does not read."""
    rows = {"unit_id": [unit, f"{unit}0", "z"], "note": [f'say "{unit}"', "no", f"for {unit}: call"], "n": [1, 2, 3]}
    frame = pd.DataFrame(rows)
    frame.to_csv(data / "crm.csv", index=False)
    frame.to_csv(data / "crm.csv.gz", index=False)
    frame.to_excel(data / "crm.xlsx", index=False)
    frame.assign(context=[json.dumps({"user": unit}), "{}", "{}"]).to_parquet(data / "crm.parquet")
    nested = pa.table({"people": [[unit, "z"], ["z"]], "raw": pa.array([b"a", unit.encode()], pa.binary())})
    pq.write_table(nested, data / "nested.parquet")
    (data / "latin.txt").write_bytes(f"name;n\n{unit};1\nz;2\n".encode("latin-1"))
    doubled = unit.replace('"', '""')
    (data / "wide.csv").write_bytes(f'unit_id,n\n"{doubled}",1\nz,2\n'.encode("utf-16"))
    with sqlite3.connect(data / "shop.sqlite") as shop:
        shop.execute("PRAGMA journal_mode = WAL")
        shop.execute("CREATE TABLE buyers (user_id TEXT, note TEXT)")
        shop.executemany("INSERT INTO buyers VALUES (?, ?)", [(unit, "a"), (f"{unit}0", "b"), ("z", f"of {unit}")])
    shop.close()
    with duckdb.connect(str(data / "shop.duckdb")) as shop:
        shop.execute("CREATE TABLE buyers AS SELECT * FROM frame")
    exports = data.parent / "exports" / "2026-W10"
    exports.mkdir(parents=True)
    frame.to_excel(exports / "week.xlsx", index=False)
    (exports / "week.html").write_text(f"<td>{unit.replace('&', '&amp;')}</td>")
    with zipfile.ZipFile(exports / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("note.md", f"# {unit}\n")
    (data.parent / ".notes").mkdir()
    (data.parent / ".notes" / "job.log").write_text(f"2026-03-02 10:40:02 asked by {unit}\n")


def contents(file):
    """The bytes of a file, and of all that it holds packed."""
    raw = file.read_bytes()
    yield raw
    packed = unpacked(raw)
    if packed is not None:
        yield packed.content
    if raw[:4] == b"PAR1":
        table = pq.read_table(file)
        yield str([column.to_pylist() for column in table.columns]).encode() + str(table.schema.metadata).encode()
    if raw[:2] == b"PK":
        with zipfile.ZipFile(file) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if raw[8:12] == b"DUCK":
        with duckdb.connect(str(file), read_only=True) as base:
            yield str(base.sql("SELECT * FROM buyers").fetchall()).encode()


def traces_of(root, unit):
    """Files that still hold the id, other people's longer ids apart."""
    escaped = json.dumps(unit)[1:-1]
    forms = {unit, escaped, json.dumps(escaped)[1:-1], unit.replace('"', '""'), unit.replace("&", "&amp;")}
    wanted = {form.encode(code) for form in forms for code in ("utf-8", "latin-1", "utf-16-le")}
    found = []
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        for content in contents(file):
            for form in wanted:
                code = form[1:2] == b"\0"
                rest = content
                for more in ("0", "-b"):
                    rest = rest.replace(form + more.encode("utf-16-le" if code else "utf-8"), b"")
                if form in rest:
                    found.append((file.relative_to(root).as_posix(), form[:40]))
    return found


def kpis(workspace):
    run = run_content(workspace, seed=7)
    return run.file("kpis.csv").read_bytes()


def from_scratch(root, tmp_path):
    fresh = tmp_path / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    shutil.copytree(root / "data", fresh / "data")
    shutil.copy(root / "liftwerk.toml", fresh)
    return kpis(Workspace.open(fresh))


def newest(root):
    (run,) = [folder for folder in (root / "runs" / "content").iterdir() if folder.is_dir()]
    return (run / "kpis.csv").read_bytes()


@pytest.mark.parametrize("unit", IDS)
def test_no_form_of_an_id_is_left_in_any_file(tmp_path, unit):
    root = tmp_path / "shop"
    root.mkdir()
    workspace = fill(root, unit)
    run_content(workspace, seed=7)
    done = run_forget(workspace, unit, seed=7)
    assert (done.left, traces_of(root, unit)) == ((), [])
    assert newest(root) == from_scratch(root, tmp_path)
    calls = [row for file in DayStore(root / "content").calls for row in pq.read_table(file).to_pylist()]
    assert {int(row["span_id"], 16) for row in calls} == set(range(100, 130))
    assert pd.read_csv(root / "data" / "content" / "gen_score.csv", dtype=str)["span_id"].tolist() == [f"{101:016x}"]
    left = pd.read_csv(root / "data" / "crm.csv", dtype=str)
    assert left["unit_id"].tolist() == [f"{unit}0"]
    with sqlite3.connect(root / "data" / "shop.sqlite") as shop:
        assert shop.execute("SELECT user_id FROM buyers").fetchall() == [(f"{unit}0",)]
    shop.close()
    assert openpyxl.load_workbook(root / "data" / "crm.xlsx").active.max_row == 2


def test_a_stranger_changes_no_byte_even_where_nothing_was_ever_run(tmp_path):
    workspace = fill(tmp_path, "kunde-4711")

    def bytes_of():
        return {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    before = bytes_of()
    for stranger in ("nobody-here", "kunde-471", "12", "3"):  # minutes, counts and parts of names are no people
        assert run_forget(workspace, stranger, seed=7).removed == {}
        assert bytes_of() == before


@pytest.mark.slow
def test_an_interrupted_job_is_taken_up_where_it_stopped(tmp_path, monkeypatch):
    root = tmp_path / "shop"
    root.mkdir()
    unit = "kunde-4711"
    run_content(fill(root, unit), seed=7)
    kept = tmp_path / "kept"
    shutil.copytree(root, kept)
    real, steps, last = forget_files.ForgetFiles.erase, [], []

    def counted(self, file, *, write=True):
        if write:
            steps.append(file.name)
            if len(steps) == last[-1]:
                raise KeyboardInterrupt
        return real(self, file, write=write)

    for stop in (2, 5, 9, 13):
        shutil.rmtree(root)
        shutil.copytree(kept, root)
        steps.clear()
        last.append(stop)
        monkeypatch.setattr(forget_files.ForgetFiles, "erase", counted)
        with pytest.raises(KeyboardInterrupt):
            run_forget(Workspace.open(root), unit, seed=7)
        monkeypatch.setattr(forget_files.ForgetFiles, "erase", real)
        done = run_forget(Workspace.open(root), unit, seed=7)
        assert (done.left, traces_of(root, unit), set(done.rebuilt)) == ((), [], {"content"})
        assert newest(root) == from_scratch(root, tmp_path)
        assert not (root / forget_files.JOURNAL).exists()


def test_an_interrupted_rebuild_is_done_again(tmp_path, monkeypatch):
    root = tmp_path / "shop"
    root.mkdir()
    workspace = fill(root, "kunde-4711")
    run_content(workspace, seed=7)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(REBUILT, "content", killed)
        with pytest.raises(KeyboardInterrupt):
            run_forget(workspace, "kunde-4711", seed=7)
    assert run_forget(workspace, "kunde-4711", seed=7).rebuilt.keys() == {"content"}
    assert newest(root) == from_scratch(root, tmp_path)


def test_parts_of_other_names_stay():
    ler, anna, twelve = (Person(frozenset({name})) for name in ("ler", "anna", "12"))
    assert not ler.named_in("müler")
    assert anna.named_in(r"Hi\nanna")
    assert anna.named_in(r"\u2013anna")
    assert not anna.named_by("unit_id", "anna maria")
    assert anna.named_by("userId", "ben; anna")
    assert anna.named_by("context", '{"user": "anna"}')
    assert twelve.named_by("customer_no", 12.0)
    for value in ("2026-03-12", "10:12:00", "1.12", 12, "12"):
        assert not twelve.named_by("start_ts", value)
    assert twelve.named_in("customer 12 asked")


def test_a_table_without_a_header_and_a_word_in_our_own_page():
    person = Person(frozenset({"anna"}))
    assert erased_table(b"anna,3\nben,4\n", person) == (b"[removed],3\nben,4\n", 1)
    assert erased_words(b"<p>anna</p>", person) == (b"<p>[removed]</p>", 1)


def test_a_workbook_that_is_none_is_said(tmp_path):
    workspace = fill(tmp_path, "kunde-4711")
    (tmp_path / "data" / "old.xlsx").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(InputError, match="may still be in it"):
        run_forget(workspace, "kunde-4711", seed=7)


def test_what_a_workbook_is_made_of_stays(tmp_path):
    pd.DataFrame({"note": ["row", "sheet 3"], "n": [3, 1]}).to_excel(tmp_path / "week.xlsx", index=False)
    raw = (tmp_path / "week.xlsx").read_bytes()
    for word in ("3", "row", "main"):
        new, count = erased_archive(raw, Person(frozenset({word})))
        assert count == (word == "row")
        openpyxl.load_workbook(io.BytesIO(new))
