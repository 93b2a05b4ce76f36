"""Draw docs/architecture.md from the code: rooms, files with their first docstring line, and the imports between rooms.

Run ``make docs`` after adding a file; a test fails while the drawing is out of date.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FLOORS: dict[str, tuple[str, ...]] = {
    "floor 4": ("jobs", "app"),
    "floor 3": ("decisions", "monitoring"),
    "floor 2": ("mmm", "geolift", "bandits", "attribution", "experiments", "budget_optimizer"),
    "floor 1": ("simulation",),
    "floor 0": ("measurement",),
    "beside": ("sample_data",),
}
INTRODUCTION = """\
# Architecture

<!-- Drawn from the code by `make docs`; a test fails when it is out of date. Do not edit by hand. -->

Few rooms, stairs that only go down, methods that meet only through a shared vocabulary. An import goes down only;
rooms of one floor do not import each other; `pymc` is imported in `mmm` only, `streamlit` in `app` only, `cvxpy` in
`budget_optimizer` and `geolift` only. `import-linter` holds the code to that (`make lint`).

Every arrow below is an import that the code makes today. Arrows into `measurement`, which every room uses, are left
out.

"""


def draw() -> str:
    """The whole page as text."""
    rooms = built_rooms()
    return INTRODUCTION + _diagram(rooms) + "\n" + "\n".join(_listing(room) for room in rooms)


def built_rooms() -> list[str]:
    """Packages of pyproject.toml, from the top floor down."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built = set(settings["tool"]["uv"]["build-backend"]["module-name"])
    order = [room for rooms in FLOORS.values() for room in rooms]
    unknown = built - set(order)
    if unknown:
        raise SystemExit(f"give these packages a floor in {Path(__file__).name}: {', '.join(sorted(unknown))}")
    return [room for room in order if room in built]


def _diagram(rooms: list[str]) -> str:
    graph = grimp.build_graph(*rooms, cache_dir=None)
    lines = ["```mermaid", "flowchart TD"]
    for floor, members in FLOORS.items():
        present = [room for room in members if room in rooms]
        if present:
            lines += [f'  subgraph "{floor}"', *(f"    {room}" for room in present), "  end"]
    for source in rooms:
        below = {
            module.split(".")[0]
            for name in _modules(graph, source)
            for module in graph.find_modules_directly_imported_by(name)
        }
        lines += [f"  {source} --> {target}" for target in rooms if target in below - {source, "measurement"}]
    return "\n".join([*lines, "```", ""])


def _modules(graph: grimp.ImportGraph, room: str) -> set[str]:
    return {name for name in graph.modules if name == room or name.startswith(f"{room}.")}


def _listing(room: str) -> str:
    lines = [
        f"## {room}",
        "",
        f"{_headline(ROOT / room / '__init__.py')}",
        "",
        "| file | what lives there |",
        "|---|---|",
    ]
    lines += [
        f"| `{file.relative_to(ROOT).as_posix()}` | {_headline(file)} |"
        for file in sorted((ROOT / room).rglob("*.py"))
        if file.name != "__init__.py"
    ]
    return "\n".join([*lines, ""])


def _headline(file: Path) -> str:
    """First sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
    return re.sub(r"(?<=[a-z)`])\.$", "", paragraph)


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
