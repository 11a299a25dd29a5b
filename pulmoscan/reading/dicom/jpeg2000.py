"""What a JPEG 2000 codestream says of its tiles, before a decoder makes room for them (ITU-T T.800 A.5.1)."""

from __future__ import annotations

import struct

SIZE_MARKER = b"\xff\x51"
MAX_TILES = 4096
"""Decoders take kilobytes for each tile, filled or not; 50 megapixels in tiles of 128 × 128 are 3,052."""
MAX_COMPONENTS = 4


def is_reasonable(codestream: bytes) -> bool:
    """Whether the codestream, bare or in a JP2 file, has as many tiles and components as a picture may have."""
    at = codestream.find(SIZE_MARKER)
    try:
        width, height, left, top, tile_width, tile_height, tile_left, tile_top, components = struct.unpack_from(
            ">8IH", codestream, at + 6
        )
    except struct.error:
        return False
    if at < 0 or not tile_width or not tile_height or width <= left or height <= top:
        return False
    across, down = -(-(width - tile_left) // tile_width), -(-(height - tile_top) // tile_height)
    return 0 < across * down <= MAX_TILES and 0 < components <= MAX_COMPONENTS
