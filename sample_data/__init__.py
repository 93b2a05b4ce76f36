"""The sample data set that `liftwerk init` copies."""

from __future__ import annotations

import shutil
from pathlib import Path

from measurement.errors import InputError
from measurement.settings import SETTINGS_FILE

#: The workspace as shipped; `python -m sample_data.build` makes it anew.
SAMPLE = Path(__file__).parent / "workspace"
#: Seed the shipped workspace was made from.
SEED = 12


def copy_sample(target: Path) -> list[Path]:
    """Copy the sample workspace into ``target``; files that are already there stay as they are.

    Parameters
    ----------
    target
        A folder, made if need be.

    Returns
    -------
    list of Path
        The files written, sorted.

    Raises
    ------
    InputError
        If ``target`` is a file or holds a workspace already.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = copy_sample(Path(folder) / "nordwind")
    ...     (Path(folder) / "nordwind" / "liftwerk.toml") in files
    True
    """
    if (target / SETTINGS_FILE).exists():
        raise InputError.of(
            "there is a workspace here already",
            f"Choose another folder, or remove its {SETTINGS_FILE} first",
            file=str(target / SETTINGS_FILE),
        )
    if target.exists() and not target.is_dir():
        raise InputError.of("this is a file, not a folder", "Choose another name for the workspace", file=str(target))
    written = []
    for source in sorted(path for path in SAMPLE.rglob("*") if path.is_file()):
        copy = target / source.relative_to(SAMPLE)
        if copy.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        written.append(copy)
    return written
