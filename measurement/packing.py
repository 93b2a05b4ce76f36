"""Compressed content: gzip, zstd in frames, and zstd as OpenTelemetry's collector writes it, message by message."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: The collector writes the length of each compressed message before it, four bytes, the highest first.
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was compressed.

    Attributes
    ----------
    content
        Unpacked.
    pack
        Compresses other content in the same way.
    """

    content: bytes
    pack: Callable[[bytes], bytes]


def packed_as(path: Path) -> str:
    """``"gzip"``, ``"zstd"``, ``"messages"`` or ``""``, by what the file holds, whatever it is called."""
    with path.open("rb") as stream:
        begin = stream.read(8)
    if begin[:2] == GZIP:
        return "gzip"
    return "zstd" if begin[:4] == ZSTD else "messages" if is_messages(begin) else ""


def is_messages(begin: bytes) -> bool:
    """Whether a file begins like the collector's compressed messages: a length, then a frame of zstd."""
    return len(begin) >= 8 and begin[4:8] == ZSTD and begin[:4] != ZSTD


def unpacked(raw: bytes) -> Packed | None:
    """Unpack by what the content is, whatever the file is called; ``None`` where it is not compressed.

    Raises
    ------
    OSError, EOFError, ValueError
        Where it is cut off or broken.

    Examples
    --------
    >>> unpacked(gzip.compress(b"a")).content, unpacked(b"plain")
    (b'a', None)
    """
    if raw[:2] == GZIP:
        return Packed(content=gzip.decompress(raw), pack=gzip.compress)
    if raw[:4] == ZSTD:
        return Packed(content=_from_zstd(raw), pack=_to_zstd)
    if is_messages(raw[:8]):
        return Packed(content=b"\n".join(map(_from_zstd, _messages(raw))), pack=_in_messages)
    return None


def message_lines(raw: bytes) -> bytes:
    """The messages of a file that `is_messages`, a line each; what was cut off at its end is left out."""
    return b"".join(_from_zstd(part) + b"\n" for part in _messages(raw, strict=False))


def _messages(raw: bytes, *, strict: bool = True) -> list[bytes]:
    found, at = [], 0
    while at < len(raw):
        size = _LENGTH.unpack_from(raw, at)[0] if at + 4 <= len(raw) else len(raw)
        if at + 4 + size > len(raw):
            if strict:
                raise EOFError("the last message is cut off")
            break
        found.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _in_messages(content: bytes) -> bytes:
    packed = [_to_zstd(line) for line in content.splitlines() if line.strip()]
    return b"".join(_LENGTH.pack(len(one)) + one for one in packed)


def _from_zstd(raw: bytes) -> bytes:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.py_buffer(raw), "zstd") as stream:
        return bytes(io.BufferedReader(stream).read())


def _to_zstd(content: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.compress(content, codec="zstd", asbytes=True))
