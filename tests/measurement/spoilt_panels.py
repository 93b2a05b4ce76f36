"""Spoilt copies of a workspace: each spoiler breaks one thing and says where the message must point.

A spoiler edits the files of a *copied* workspace in place. It reads ``liftwerk.toml`` to find the panel and its
columns, so it works on any workspace whose panel is a CSV file::

    for name, spoiler in SPOILERS.items():
        copy = shutil.copytree(workspace, tmp_path / name)
        expected = spoiler(copy, np.random.default_rng(1))
        if expected is None:        # the workspace has nothing that this spoiler could break
            continue
"""

from __future__ import annotations

from tests.measurement import spoilt_calendar, spoilt_cells, spoilt_events, spoilt_files, spoilt_media, spoilt_settings
from tests.measurement.spoiling import SPOILERS, Expected, PanelFile, Spoiler

__all__ = ["SPOILERS", "Expected", "PanelFile", "Spoiler"]

# Importing a module registers its spoilers.
_REGISTERED = (spoilt_cells, spoilt_calendar, spoilt_files, spoilt_media, spoilt_settings, spoilt_events, spoilt_media)
