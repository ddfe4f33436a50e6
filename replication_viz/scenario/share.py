"""A scenario as a short text: ``rv1.`` and letters that survive an e-mail and a URL.

The text is compressed JSON with a checksum. A preset dictionary holds what scenarios are made of; changing it changes
the format, so it belongs to the version. Parts such as ``~t1300`` may follow, for whoever shows the scenario; they are
split off and joined here and mean nothing here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from .dictionary import WORDS
from .errors import ScenarioError

VERSION = 1
_CHECK_BYTES = 4


def encode(text: str) -> str:
    """Return JSON as a share text."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=WORDS)
    packed = packer.compress(_compact(text)) + packer.flush()
    return f"rv{VERSION}.{_letters(packed + _check(packed))}"


def decode(text: str) -> str:
    """Return the JSON in a share text; parts that follow it are passed over.

    Raises
    ------
    ScenarioError
        If the text is not a share text, is of another version, or is damaged (a checksum is in it).
    """
    text, _ = split(text)
    head = re.match(r"rv([0-9]{1,9})\.", text)
    if head is None:
        raise ScenarioError(f"{text[:24]!r} is not a share text: one begins with 'rv{VERSION}.'.")
    if head[1] != str(VERSION):
        raise ScenarioError(f"this share text is of version {head[1]}: this program reads version {VERSION}.")
    letters = text[head.end() :]
    try:
        whole = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
        packed, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
        if check != _check(packed) or _letters(whole) != letters:
            raise ValueError
        unpacker = zlib.decompressobj(-15, zdict=WORDS)
        plain = unpacker.decompress(packed, 1_000_000)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError
        return plain.decode()
    except (ValueError, binascii.Error, zlib.error):
        raise ScenarioError(
            f"the share text of {len(text)} characters is damaged: copy the whole of it, from 'rv{VERSION}.' on."
        ) from None


def split(text: str) -> tuple[str, dict[str, str]]:
    """Return the scenario's own share text, and the parts that follow it by their letter.

    Raises
    ------
    ScenarioError
        If a part comes twice.

    Examples
    --------
    >>> split("rv1.abc~t1300~vspace-time")
    ('rv1.abc', {'t': '1300', 'v': 'space-time'})
    """
    head, *rest = "".join(text.split()).split("~")
    parts = {part[:1]: part[1:] for part in rest}
    if len(parts) < len(rest):
        raise ScenarioError("a part of the share text comes twice: each may come once.")
    return head, parts


def join(head: str, parts: Mapping[str, str]) -> str:
    """Return one text that `split` takes apart again."""
    return head + "".join(f"~{letter}{value}" for letter, value in parts.items())


def _compact(text: str) -> bytes:
    return json.dumps(_whole(json.loads(text)), separators=(",", ":"), ensure_ascii=False).encode()


def _whole(value: Any) -> Any:
    """Write 1500.0 as 1500; it is read back as the same number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    return [_whole(part) for part in value] if isinstance(value, list) else value


def _check(packed: bytes) -> bytes:
    """Return the checksum. It covers the packed bytes: some of their last bits say nothing about the text."""
    return zlib.crc32(packed, zlib.crc32(WORDS)).to_bytes(_CHECK_BYTES, "big")


def _letters(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
