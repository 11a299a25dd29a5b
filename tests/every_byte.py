"""All that a file holds, for tests that look for what it must not: compressed parts unpacked, texts drawn out."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

import pydicom
import pypdfium2

PNG_START = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def every_byte(data: bytes) -> bytes:
    """The file's bytes, and after them what is unpacked of it."""
    return b"\n".join([data, *_inside(data)])


def holds(data: bytes, planted: str) -> bool:
    """Whether a text turns up in one of the encodings of names, whatever its case."""
    everything = every_byte(data).lower()
    return any(planted.lower().encode(encoding) in everything for encoding in ("utf-8", "utf-16-be", "utf-16-le"))


def _inside(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"%PDF"):
        yield from _pdf(data)
    elif data.startswith(PNG_START):
        yield from _png(data)
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield every_byte(archive.read(name))
    elif data[128:132] == b"DICM":
        dataset = pydicom.dcmread(io.BytesIO(data))
        yield str(dataset).encode()
        yield str(dataset.file_meta).encode()
    elif data[:1] in b"{[" and data[:1]:
        for line in (data, *data.splitlines()):
            try:
                yield json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "backslashreplace")
            except ValueError:
                continue


def _pdf(data: bytes) -> Iterator[bytes]:
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        for packed in (stream, _from_ascii85(stream)):
            try:
                yield zlib.decompressobj().decompress(packed)
            except zlib.error:
                continue
    document = pypdfium2.PdfDocument(data)
    yield json.dumps(document.get_metadata_dict(), ensure_ascii=False).encode()
    for page in document:
        words = page.get_textpage().get_text_bounded()
        yield words.encode()
        yield "".join(words.split()).encode()  # a line's end may lie in the middle of a word


def _from_ascii85(stream: bytes) -> bytes:
    try:
        return base64.a85decode(stream.strip().removesuffix(b"~>"))
    except ValueError:
        return b""


def _png(data: bytes) -> Iterator[bytes]:
    at = len(PNG_START)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        if kind in TEXTS:
            yield content
            for start in range(len(content)):
                try:
                    yield zlib.decompress(content[start:])
                except zlib.error:
                    continue
        at += 12 + length
