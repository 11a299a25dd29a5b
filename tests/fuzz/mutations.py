"""Ways to spoil a file: of any kind, and by what is known of its kind's structure."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Sequence

NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"NaN",
    b"Infinity",
    b"-1",
    b"1e999",
    b"null",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"'=cmd",
    b'"',
    b",",
    b"\n",
    b"{",
)
ZEROS = [zlib.compress(bytes(count)) for count in (0, 1000, 3_000_000)]
ELEMENT = re.compile(rb"[\x08\x10\x18\x20\x28\x54\xe0]\x00..(?=[A-Z]{2})", re.DOTALL)
"""The start of a DICOM element whose representation is explicit."""
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""Of a JPEG segment."""
RECORD = re.compile(rb"PK[\1\3\5\6][\2\4\6\7]")
"""Of a zip archive."""
VALUE = re.compile(rb"-?\d+(\.\d+)?|\"[^\"]*\"|\n")
"""A number, a string or the end of a line, in CSV or JSON."""


def _somewhere(pattern: re.Pattern[bytes], data: bytes, rng: random.Random) -> re.Match[bytes] | None:
    """A place that fits: the first after a random one, which may lie among the first bytes, where headers are."""
    reach = rng.choice((len(data), min(len(data), 1000)))
    return pattern.search(data, rng.randrange(reach + 1)) or pattern.search(data)


def mutate(data: bytes, kind: str, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """One to six changes; `others` are files of the same kind to take parts from."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        known = BY_KIND.get(kind)
        data = known(data, rng) if known and rng.random() < 0.6 else _any(data, rng, others)
    return data[: 2**22]


def _any(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Bytes changed, cut, doubled, or taken from another file; early ones more often, where headers are."""
    if not data:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
    reach = rng.choice((len(data), min(len(data), 400), min(len(data), 64)))
    at = rng.randrange(reach)
    length = rng.choice((1, 2, 4, 16, 200, len(data) // 4 + 1))
    match rng.randrange(8):
        case 0:
            return data[:at] + bytes((data[at] ^ (1 << rng.randrange(8)),)) + data[at + 1 :]
        case 1:
            return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]
        case 2:
            number = rng.choice(NUMBERS).to_bytes(8, "little")[: rng.choice((1, 2, 4))]
            number = number if rng.random() < 0.5 else number[::-1]
            return data[:at] + number + data[at + len(number) :]
        case 3:
            return data[:at]
        case 4:
            return data[:at] + data[at + length :]
        case 5:
            return data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at:]
        case 6:
            other = rng.choice(others)
            cut = rng.randrange(len(other) + 1)
            return data[:at] + other[cut : cut + length] + data[at + (length if rng.random() < 0.5 else 0) :]
        case _:
            return data[:at] + rng.choice(WORDS) + data[at:]


def _dicom(data: bytes, rng: random.Random) -> bytes:
    """An element's length, value or representation; or one put in: nested, without an end, twice."""
    found = _somewhere(ELEMENT, data, rng)
    if not found:
        return _any(data, rng, [data])
    at = found.start()
    vr, long = data[at + 4 : at + 6], data[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR", b"OF")
    size, fmt = (at + 8, "<I") if long else (at + 6, "<H")
    value = size + struct.calcsize(fmt)
    if value > len(data):
        return data[:at]
    length = struct.unpack(fmt, data[size:value])[0]
    match rng.randrange(7):
        case 0:
            number = rng.choice((*NUMBERS, length + 1, length - 1, length * 2)) & (2**32 - 1 if long else 2**16 - 1)
            return data[:size] + struct.pack(fmt, number) + data[value:]
        case 1:
            odd = rng.choice((vr, b"UN", b"SQ", b"IS", b"DS", b"US", b"PN", b"CS", b"AT", b"OB", b"ZZ"))
            return data[: at + 4] + odd + data[at + 6 :]
        case 2:
            new = rng.choice((b"", b"0 ", b"-1", b"65535 ", b"1.5 ", b"A\\B\\", b"\x1b$)A\xff", b"9" * 60, bytes(8)))
            return data[:size] + struct.pack(fmt, len(new)) + new + data[value + length :]
        case 3:
            new = struct.pack("<H", rng.choice((0, 1, 7, 63, 64, 65535)))
            return data[:value] + new + data[value + 2 :]
        case 4:
            return data[:at] + data[at : value + length] * 2 + data[value + length :]
        case 5:
            depth = rng.choice((1, 10, 100, 2000))
            item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
            nested = (b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + item) * depth
            return data[:at] + nested + data[at:]
        case _:
            return data[:at] + data[value + length :]


def _png(data: bytes, rng: random.Random) -> bytes:
    """A chunk's content, with its checksum put right; a chunk twice, or left out."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _any(data, rng, [data])
    number = rng.randrange(len(chunks))
    name, content = chunks[number]
    match rng.randrange(4):
        case 0:
            chunks[number] = (name, _any(content, rng, [content]))
        case 1:
            chunks.insert(rng.randrange(len(chunks) + 1), (name, content))
        case 2:
            chunks.pop(number)
        case _:
            packed = b"a\0\0" + rng.choice(ZEROS)
            chunks.insert(
                1, rng.choice(((b"zTXt", packed), (b"eXIf", content), (b"iCCP", packed), (b"acTL", bytes(8))))
            )
    body = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:8] + body


def _tiff(data: bytes, rng: random.Random) -> bytes:
    """A field of the first directory: its tag, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 10:
        return _any(data, rng, [data])
    at = struct.unpack(order + "I", data[4:8])[0]
    count = struct.unpack(order + "H", data[at : at + 2])[0] if at + 2 <= len(data) else 0
    if not count:
        return _any(data, rng, [data])
    entry = at + 2 + 12 * rng.randrange(count)
    offset, fmt = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    number = rng.choice((*NUMBERS, at, 254, 256, 257, 258, 259, 262, 273, 277, 317, 338))
    number &= 2 ** (8 * struct.calcsize(fmt)) - 1
    place = entry + offset
    return data[:place] + struct.pack(order + fmt, number) + data[place + struct.calcsize(fmt) :]


def _jpeg(data: bytes, rng: random.Random) -> bytes:
    """A marker's segment: its length or content."""
    found = _somewhere(MARKER, data, rng)
    if not found:
        return _any(data, rng, [data])
    at = found.start()
    if rng.random() < 0.3:
        return data[: at + 1] + bytes((rng.randrange(0xC0, 0xFF),)) + data[at + 2 :]
    place = at + 2 + rng.randrange(12)
    return data[:place] + bytes((rng.choice((0, 1, 2, 4, 8, 16, 127, 255)),)) + data[place + 1 :]


def _zip(data: bytes, rng: random.Random) -> bytes:
    """A field of a local header, the directory or its end."""
    found = _somewhere(RECORD, data, rng)
    if not found:
        return _any(data, rng, [data])
    place = found.start() + 4 + rng.randrange(42)
    number = rng.choice(NUMBERS).to_bytes(8, "little")[: rng.choice((1, 2, 4))]
    return data[:place] + number + data[place + len(number) :]


def _text(data: bytes, rng: random.Random) -> bytes:
    """A number, a word or a line of CSV or JSON."""
    place = _somewhere(VALUE, data, rng)
    if not place:
        return _any(data, rng, [data])
    new = rng.choice((*WORDS, b"[]", b"{}", b'"\\ud800"', b"0.5", b"1" * 400, b"[" * 2000, b"true", place.group() * 2))
    return data[: place.start()] + new + data[place.end() :]


BY_KIND = {
    "dicom": _dicom,
    "export": _dicom,
    "png": _png,
    "tiff": _tiff,
    "jpeg": _jpeg,
    "zip": _zip,
    "scores": _text,
    "card": _text,
    "results": _text,
    "safetensors": _text,
}
