"""From a raw log line to the kernel's own words: transport, quoting and time stamps come off."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

__all__ = ["LogLine", "split_line"]

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUOTE = re.compile(r"^(?:[>|] ?)+(?=\S)")
_SYSLOG = re.compile(
    r"(?P<time>(?:[A-Z][a-z]{2}\s+\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?: ?[+-]\d\d:?\d\d|Z)?))\s+"
    r"(?P<rest>\S+ (?:kernel|klogd?)(?:\[\d*\])?:\s?(?::\s)?|\S+ (?=last message|--)|)"
)
_LEVEL = re.compile(r"<\d{1,3}>")
_KERNEL = re.compile(r"(?:\S+ )?kernel:\s?(?::\s)?")
_STAMP = re.compile(
    r"\[\s*(?P<time>\d+\.\d{3,9})\]|\[(?P<date>[A-Z][a-z]{2} [A-Z][a-z]{2} [^\]]+)\]"
)
_CONTEXT = re.compile(
    r"\((?P<cpu>\d+)\)\[(?P<pid>\d+):[^\]]*\]"
    r"|\[\s*(?P<cpu2>\d+):\s*[^\]]{1,40}:\s*(?P<pid2>\d+)\]"
    r"|\[\s*(?P<thread>[TC]\d+)\]"
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One printed line.  ``tag`` tells which CPU or thread printed it, empty when unknown."""

    number: int
    text: str
    time: str | None
    tag: str
    has_prefix: bool


def split_line(raw: bytes, number: int) -> list[LogLine]:
    """The kernel's lines in one line of a log file (several where newlines were escaped).

    Accepts dmesg (plain, ``-T``, levels), syslog, journal (short, JSON), serial captures, quoted
    mail and HTML; unknown text comes back as it is.  Never raises.
    """
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    stamp = None
    if text.startswith("{") and '"MESSAGE"' in text:
        text, stamp = _from_json(text)
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    text = _without_holes(text.replace("\u00a0", " "))
    pieces = re.split(r"#012|\n", text)
    first = _strip(pieces[0], number, stamp)
    return [first] + [
        LogLine(number, piece.strip(), first.time, first.tag, True) for piece in pieces[1:]
    ]


def _without_holes(text: str) -> str:
    """The text without NUL and CR.

    Of 16-bit characters every second byte is NUL, and a line's ends say nothing; any other stands
    where something was lost: what is on both sides of it is not one word, nor one number.
    """
    if 3 * text.count("\x00") > len(text):
        text = text.replace("\x00", "")
    return text.strip("\x00\r").replace("\x00", " ").replace("\r", " ")


def _from_json(text: str) -> tuple[str, str | None]:
    try:
        record = json.loads(text)
    except ValueError:
        return text, None
    if not isinstance(record, dict):
        return text, None
    message = record.get("MESSAGE")
    if isinstance(message, list):
        message = bytes(
            byte for byte in message if isinstance(byte, int) and 0 <= byte < 256
        ).decode("utf-8", "replace")
    stamp = record.get("__REALTIME_TIMESTAMP") or record.get("_SOURCE_MONOTONIC_TIMESTAMP")
    return str(message), _seconds(stamp)


def _seconds(stamp: object) -> str | None:
    """Microseconds in a string to seconds with a point."""
    digits = str(stamp)
    if not (digits.isascii() and digits.isdigit()):
        return None
    return f"{int(digits) // 1_000_000}.{int(digits) % 1_000_000:06d}"


def _strip(text: str, number: int, stamp: str | None) -> LogLine:
    quote = _QUOTE.match(text.lstrip()) if text.lstrip()[:1] in {">", "|"} else None
    text = text.lstrip()[quote.end() :] if quote else text
    time, tag, position, size = stamp, "", 0, len(text)
    while position < size:
        while position < size and text[position].isspace():
            position += 1
        match = _match_one(text, position)
        if match is None:
            break
        groups = match.groupdict()
        time = groups.get("time") or groups.get("date") or time
        tag = groups.get("pid") or groups.get("pid2") or groups.get("thread") or tag
        position = match.end()
    return LogLine(number, text[position:].strip(), time, tag, time is not None)


def _match_one(text: str, position: int) -> re.Match[str] | None:
    """The prefix that starts here, chosen by its first character."""
    first = text[position : position + 1]
    if first == "[":
        return _STAMP.match(text, position) or _CONTEXT.match(text, position)
    if first == "<":
        return _LEVEL.match(text, position)
    if first == "(":
        return _CONTEXT.match(text, position)
    if first.isdigit() or first.isupper():
        return _SYSLOG.match(text, position) or _KERNEL.match(text, position)
    return _KERNEL.match(text, position)
