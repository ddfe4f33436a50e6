"""A scenario as a short text: ``rv1.`` and letters that survive an e-mail and a URL.

The text is compressed JSON. A preset dictionary holds the words that scenarios are made of; changing it changes the
format, so it belongs to the version.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from .errors import ScenarioError

VERSION = 1
_WORDS = (
    b'"think_ms":"clients":"arrivals":"closed""constant""poisson""keys":"record_bytes":"read_from":"random"'
    b'"reads_per_s":"bandwidth_mbit":"network_shape":"network_spread":"exponential""uniform""lognormal"'
    b'"flush_shape":"flush_spread":"wal_sender_timeout_ms":"apply_delay_ms":"replay_us":"place":"zone '
    b'"nodes":{"s1":{"lag_ms":"network_ms":"L":{"flush_ms":"partition_at_ms":"partition_for_ms":"partition":"s1, s2"'
    b'"level":"remote_apply""remote_write""local""ack":"async""FIRST 2 (s1, s2, s3)""ANY 1 (s1, s2, s3)"'
    b'"replicas":"lag_ms":"rate_per_s":"seed":"duration_ms":"name":"title":"'
    b'"kind":"change","setting":"","value":"kind":"link_delay","extra_ms":"kind":"cut_link","both_ways":true'
    b'"source":"L","target":"s1","kind":"slow_replay","factor":"kind":"restart","kind":"crash","node":"L"'
    b'"kind":"partition","nodes":["s1","s2"]"kind":"stall_disk","node":"s1","for_ms":400.0,"flush_ms":'
    b'"faults":[{"at_ms":1000.0,"kind":"},{"at_ms":500.0,"'
)


def encode(json: str) -> str:
    """Return JSON as a share text."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zdict=_WORDS)
    packed = packer.compress(json.encode()) + packer.flush()
    return f"rv{VERSION}.{_letters(packed)}"


def decode(text: str) -> str:
    """Return the JSON in a share text.

    Raises
    ------
    ScenarioError
        If the text is not a share text, is of another version, or is damaged (a checksum is in it).
    """
    text = "".join(text.split())
    head = re.match(r"rv([0-9]{1,9})\.", text)
    if head is None:
        raise ScenarioError(f"{text[:24]!r} is not a share text: one begins with 'rv{VERSION}.'.")
    if head[1] != str(VERSION):
        raise ScenarioError(f"this share text is of version {head[1]}: this program reads version {VERSION}.")
    letters = text[head.end() :]
    try:
        packed = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj(15, zdict=_WORDS)
        plain = unpacker.decompress(packed, 1_000_000)
        if not unpacker.eof or unpacker.unused_data or _letters(packed) != letters:
            raise ValueError
        return plain.decode()
    except (ValueError, binascii.Error, zlib.error):
        raise ScenarioError(
            f"the share text of {len(text)} characters is damaged: copy the whole of it, from 'rv{VERSION}.' on."
        ) from None


def _letters(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
