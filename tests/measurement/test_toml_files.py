"""Settings, geo tests and rules are read by one reader: byte order marks are understood, faults name their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from geolift.rules_file import read_rules
from geolift.test_file import test_values as values_of_test
from measurement.errors import InputError
from measurement.readers.checks import check_workspace
from measurement.toml_files import read_toml
from measurement.workspace import SETTINGS_FILE, Workspace

MARK = b"\xef\xbb\xbf"


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(MARK + "must_include = ['Thüringen']\n".encode())
    assert read_toml(file, "the rules are")[0] == {"must_include": ["Thüringen"]}
    assert read_rules(file).must_include == ("Thüringen",)


def test_settings_with_a_byte_order_mark_keep_their_lines(tmp_path: Path) -> None:
    file = tmp_path / SETTINGS_FILE
    plain = f'[workspace]\nname = "A"\n{_PANEL}'.encode()
    file.write_bytes(MARK + plain)
    workspace = Workspace.open(tmp_path)
    assert workspace.settings.workspace.name == "A"
    assert workspace.setting_line("workspace.name") == 2
    file.write_bytes(MARK + plain.replace(b"name = ", b"nome = "))
    with pytest.raises(InputError) as refused:
        Workspace.open(tmp_path)
    assert refused.value.problems[0].line == 2


_PANEL = '[panel]\nfile = "p.csv"\ndate = "week"\noutcome = "revenue"\noutcome_kind = "revenue"\n'


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"channel = 'tv'\ntreated = [\n", "not valid TOML", None),
        (b"channel = 'tv'\nkind scale_up\n", "not valid TOML", 2),
        ("channel = 'tv'\n# für\n".encode("latin-1"), "not UTF-8 text", None),
        ("channel = 'tv'".encode("utf-16"), "not UTF-8 text", None),
    ],
)
def test_every_reader_says_the_same_of_a_spoilt_file(
    tmp_path: Path, content: bytes, message: str, line: int | None
) -> None:
    file = tmp_path / SETTINGS_FILE
    file.write_bytes(content)
    for read in (Workspace.open, values_of_test, read_rules):
        with pytest.raises(InputError, match=message) as refused:
            read(file)
        problem = refused.value.problems[0]
        assert problem.file == file.name
        assert problem.remedy
        assert line is None or problem.line == line


def test_check_says_the_same_of_a_geo_test(small: Path) -> None:
    (small / "geo_tests").mkdir(exist_ok=True)
    (small / "geo_tests" / "broken.toml").write_bytes(b"channel = 'tv'\nkind scale_up\n")
    found = [problem for problem in check_workspace(Workspace.open(small)) if problem.file == "geo_tests/broken.toml"]
    assert [(problem.line, "not valid TOML" in problem.message) for problem in found] == [(2, True)]
