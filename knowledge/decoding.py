"""Bytes as text: what they declare, else UTF-8, else the likeliest encoding, and then it is said. Pure."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"))
MORE_MARKS = ((codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_BE, "utf-16"))
DECLARED = re.compile(
    rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)|^<\?xml[^>]+encoding=[\"']([\w.:-]+)", re.IGNORECASE
)
# What offices still write in, the likeliest first: of two that fit equally well, the first is right more often.
LIKELY = ["cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "euc_kr", "euc_jp", "cp1253", "cp1254", "cp1255"]
SAMPLE = 100_000  # bytes from which an encoding is guessed
NOISE = 20  # per cent of what is read that may look like noise


class NotText(ValueError):
    """These bytes are no text in any encoding we know."""


@dataclass(frozen=True)
class Decoded:
    text: str
    guessed: str = ""  # the encoding's name, when nobody had said it


def decoded(data: bytes, *, is_html: bool = False) -> Decoded:
    """The text in `data`, without NULs. Raises NotText, with the reason, when there is none."""
    for mark, name in MARKS + MORE_MARKS:
        if data.startswith(mark):
            return Decoded(strictly(data, name))
    try:
        return Decoded(data.decode("utf-8").replace("\0", ""))
    except UnicodeDecodeError as error:
        place = error.start
    if is_html and (declared := DECLARED.search(data[:4096])):
        name = (declared[1] or declared[2]).decode("ascii")
        try:
            return Decoded(strictly(data, name))
        except NotText:
            pass
    if b"\0" in data:
        raise NotText("it is not text")
    found = from_bytes(data[:SAMPLE], cp_isolation=LIKELY)
    order = {name: position for position, name in enumerate(LIKELY)}
    best = min(found, key=lambda one: (one.percent_chaos, -one.percent_coherence, order[one.encoding]), default=None)
    if best is None or best.percent_chaos > NOISE:
        raise NotText(f"it is not UTF-8 (byte {place}), and no other encoding fits")
    return Decoded(strictly(data, best.encoding), best.encoding.replace("_", "-"))


def strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).replace("\0", "")
    except (UnicodeDecodeError, LookupError):
        raise NotText(f"it says that it is {encoding}, but it is not") from None
