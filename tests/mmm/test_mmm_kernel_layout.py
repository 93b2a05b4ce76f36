"""Records that compiled code reads by reference."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from mmm.kernel_arrays import KernelData, Work
from mmm.kernel_layout import ByReference, Floats1, Floats2, Ints1, Place, places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Record(ByReference):
    level: float
    table: Floats2
    count: int
    order: Ints1
    values: Floats1


def _record(**changes) -> _Record:
    given = {"level": 0.5, "table": np.ones((2, 3)), "count": 7, "order": np.arange(4), "values": np.zeros(5)}
    return _Record(**(given | changes))


def test_a_row_holds_numbers_addresses_and_lengths() -> None:
    record = _record()
    table, order = record.table.ctypes.data, record.order.ctypes.data
    level = int(np.float64(0.5).view(np.int64))
    assert record.layout.tolist() == [level, table, 2, 3, 7, order, 4, record.values.ctypes.data, 5]
    assert record.address == record.layout.ctypes.data
    assert places(_Record)["order"] == Place(start=5, axes=1, whole=True)


@pytest.mark.parametrize(
    "change",
    [
        {"table": np.ones((3, 2)).T},
        {"table": np.ones(3)},
        {"values": np.ones(5, np.float32)},
        {"order": np.ones(4)},
        {"values": np.zeros(10)[::2]},
    ],
)
def test_arrays_that_are_not_what_they_are_read_as_are_refused(change) -> None:
    (name,) = change
    with pytest.raises(TypeError, match=rf"_Record\.{name} must be a C-contiguous array"):
        _record(**change)


def test_copies_have_addresses_of_their_own() -> None:
    record = _record()
    for copy in (pickle.loads(pickle.dumps(record)), replace(record, table=np.zeros((2, 3)))):
        assert copy.address != record.address
        assert copy.layout[1] == copy.table.ctypes.data != record.table.ctypes.data
        assert copy.count == 7


def test_every_field_has_a_place_of_its_own() -> None:
    for record in (KernelData, Work):
        found = list(places(record).values())
        ends = [place.start + 1 + place.axes for place in found]
        assert [place.start for place in found] == [0, *ends[:-1]]
