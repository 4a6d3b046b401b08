"""Scalars: how single values are spelled in a configuration file, and what of each makes no sense by itself."""

from __future__ import annotations

import ipaddress
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from carom.config.shapes import Scalar, WrongValueError, nearest
from carom.core.flaw import shown
from carom.model import Address, Ports, Protocol

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds in each unit of a duration."""

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_LOOSE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(milli|ms|s|m|h|d)[a-z]*", re.IGNORECASE)
"""A duration as people write it: 10min, 5 seconds."""
_URL = re.compile(r"[!-~]{1,2048}")
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*\"""")
_SHELL = re.compile(r"(?<!\S)(?:[|&]{1,2}|;|[0-9&]?[<>]\S*)(?!\S)|(?<!\\);(?!\S)|(?<!\\)\$[({A-Za-z_]\w*")
"""What only a shell understands, outside of quotes."""
_ESCAPE = re.compile(r"\\(?:([rnt0\\'\"])|x([0-9A-Fa-f]{2})|(.?))", re.DOTALL)
_ESCAPED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "'": b"'", '"': b'"'}


def misfit(value: object) -> WrongValueError:
    """For a value of another type than the scalar's, or text of another form."""
    return WrongValueError(f"{shown(value)} does not fit")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise misfit(value)
    return value


def _within(number: float, value: object, least: float, most: float) -> None:
    if not least <= number <= most:
        raise WrongValueError(f"{shown(value)} is out of range")


# ---- plain ----


def boolean() -> Scalar:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise misfit(value)
        return value

    return Scalar("true or false", read, {"type": "boolean"})


def off(remedy: str) -> Scalar:
    """`false`, for a thing that is there unless it is switched off; reads as None."""

    def read(value: object) -> None:
        if value is not False:
            raise WrongValueError(f"{shown(value)} does not fit", remedy)

    return Scalar("false", read, {"const": False})


def integer(least: int, most: int) -> Scalar:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise WrongValueError(misfit(value).what, _number_remedy(value, least, most))
        _within(value, value, least, most)
        return value

    noun = f"a whole number from {least} to {most}"
    return Scalar(noun, read, {"type": "integer", "minimum": least, "maximum": most})


def _number_remedy(value: object, least: int, most: int) -> str:
    """The number that "20", "/20" or 20.0 is, if it could stand here."""
    spelled = re.fullmatch(r"/?([0-9]{1,18})(\.0)?", str(value))
    return f"write {int(spelled[1])}" if spelled and least <= int(spelled[1]) <= most else ""


def text(noun: str, pattern: str) -> Scalar:
    """Text that matches a pattern as a whole. The pattern must mean the same in Python and in ECMA 262."""
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not compiled.fullmatch(_string(value)):
            raise misfit(value)
        return str(value)

    return Scalar(noun, read, {"type": "string", "pattern": f"^{pattern}$"})


def choice(words: Iterable[str], noun: str, foreign: Mapping[str, str] = MappingProxyType({})) -> Scalar:
    """One of a few words; an enum's members come out as members. `foreign` is what others call them."""
    known = {str(word): word for word in words}

    def read(value: object) -> str:
        word = _string(value)
        if word not in known:
            raise WrongValueError(
                f"{shown(word)} is no {noun}", _instead(foreign.get(word.lower()) or nearest(word, known))
            )
        return known[word]

    return Scalar(f"one of {', '.join(known)}", read, {"type": "string", "enum": list(known)})


# ---- durations ----


def duration(least: float, most: float, *, whole: bool = False) -> Scalar:
    """Seconds as a number, or text with a unit; reads as seconds."""

    def read(value: object) -> float:
        seconds = _seconds(value)
        _within(seconds, value, least, most)
        if whole and seconds != int(seconds):
            raise WrongValueError(f"{shown(value)} is no whole number of seconds", f"write {math.ceil(seconds)}")
        return seconds

    span, units = f"from {_span(least)} to {_span(most)}", '"5s", "2m", "1h"' if whole else '"5s", "2m", "500ms"'
    noun = f"{'whole ' if whole else ''}seconds {span}, or text as {units}"
    number = {"type": "integer" if whole else "number", "minimum": least, "maximum": most}
    return Scalar(noun, read, {"anyOf": [number, {"type": "string", "pattern": f"^{_DURATION.pattern}$"}]})


def _seconds(value: object) -> float:
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if not found:
            raise WrongValueError(f"{shown(value)} is no duration", _instead(_duration_meant(value)))
        return round(float(found[1]) * UNITS[found[2]], 6)  # 1.15 minutes are 69 seconds
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise misfit(value)
    if not abs(value) <= 10**9:
        raise WrongValueError(f"{shown(value)} is out of range")
    return float(value)


def _duration_meant(word: str) -> str | None:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", word):
        return f"{word}s"
    if loose := _LOOSE.fullmatch(word):
        unit = loose[2].lower()
        return loose[1] + ("ms" if unit == "milli" else unit)
    return None


def _span(seconds: float) -> str:
    """A limit as a person says it: in the largest unit that leaves it whole."""
    units = ((unit, seconds / size) for unit, size in reversed(UNITS.items()) if unit != "ms")
    return next((f"{count:g} {unit}" for unit, count in units if count >= 1 and count == int(count)), f"{seconds:g} s")


# ---- addresses and ports ----


def address() -> Scalar:
    schema = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
    return Scalar("an IPv4 or IPv6 address", read_address, schema)


def read_address(value: object) -> Address:
    word = _string(value)
    try:
        found = ipaddress.ip_address(word)
    except ValueError:
        raise WrongValueError(f"{shown(word)} is not an IP address", _address_remedy(word)) from None
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id:
        raise WrongValueError(f"{shown(word)} has a zone", f'write "{word.partition("%")[0]}"')
    return found


def _address_remedy(word: str) -> str:
    """What was probably meant: an address with a prefix length, port or space; or a name."""
    for part in (word.strip(), word.partition("/")[0], word.rpartition(":")[0].strip("[]")):
        try:
            return f'write "{ipaddress.ip_address(part)}"'
        except ValueError:
            continue
    if re.fullmatch(r"[0-9.]+", word):
        return "write four numbers from 0 to 255, without leading zeros"
    return "names are not looked up: write the address itself"


def ports() -> Scalar:
    noun = 'ports as "tcp/80", "udp/53", "tcp/10000-20000" or "tcp/*"'
    pattern = r"^(tcp|udp|sctp)/(\*|[0-9]{1,5}(-[0-9]{1,5})?)$"
    return Scalar(noun, read_ports, {"type": "string", "pattern": pattern})


def read_ports(value: object) -> Ports:
    if isinstance(value, int) and not isinstance(value, bool):
        raise WrongValueError(f"{shown(value)} lacks its protocol", f'write "tcp/{shown(value)}"')
    word = _string(value)
    name, slash, numbers = word.partition("/")
    if not slash:
        raise WrongValueError(f"{shown(word)} lacks its protocol", _instead(_with_protocol(word)))
    if numbers in set(Protocol):
        raise WrongValueError(f"{shown(word)} has its protocol last", _instead(f"{numbers}/{name}"))
    if name not in set(Protocol):
        near = nearest(name, Protocol)
        remedy = _instead(near and f"{near}/{numbers}")
        raise WrongValueError(f"{shown(word)}: {shown(name)} is no protocol that has ports", remedy)
    return Ports(Protocol(name), *_port_range(name, numbers))


def _port_range(name: str, numbers: str) -> tuple[int, int]:
    if numbers == "*":
        return 0, 65535
    whole = shown(f"{name}/{numbers}")
    found = _RANGE.fullmatch(numbers) or re.fullmatch(r"([0-9]{1,9})()", numbers)
    if not found:
        raise WrongValueError(f"{whole} has no port number", _ports_remedy(name, numbers))
    first, last = int(found[1]), int(found[2] or found[1])
    if first == 0:
        raise WrongValueError(f"{whole}: there is no port 0", f"{_instead(f'{name}/*')} for all ports")
    if max(first, last) > 65535:
        raise WrongValueError(f"{whole}: ports end at 65535")
    if first > last:
        raise WrongValueError(f"{whole} runs backwards", _instead(f"{name}/{last}-{first}"))
    return first, last


def _with_protocol(word: str) -> str | None:
    """80, 80-90, * and tcp:80 with what they lack."""
    name, colon, numbers = word.partition(":")
    name, numbers = (name, numbers) if colon and name in set(Protocol) else ("tcp", word)
    return f"{name}/{numbers}" if re.fullmatch(r"\*|[0-9]{1,5}(-[0-9]{1,5})?", numbers) else None


def _ports_remedy(name: str, numbers: str) -> str:
    """For 80,443 and 80:90 and 1024- and all, what they mean."""
    if re.fullmatch(r"[0-9]{1,5}(,[0-9]{1,5})+", numbers):
        return f"write {', '.join(shown(f'{name}/{one}') for one in numbers.split(','))}"
    if numbers.lower() in ("all", "any", ""):
        return _instead(f"{name}/*")
    plain = re.sub(r":|\.\.", "-", numbers.replace(" ", ""))
    plain += "65535" if plain.endswith("-") else ""
    return _instead(f"{name}/{plain}") if re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", plain) else ""


def _instead(word: str | None) -> str:
    return f"write {shown(word)}" if word else ""


def prefix_length() -> Scalar:
    def read(value: object) -> int:
        if isinstance(value, str):
            raise WrongValueError(f"{shown(value)} does not fit", _prefix_remedy(value))
        if not isinstance(value, int) or isinstance(value, bool):
            raise misfit(value)
        _within(value, value, 1, 128)
        return value

    noun = "a prefix length from 1 to 32, for IPv6 from 1 to 128"
    return Scalar(noun, read, {"type": "integer", "minimum": 1, "maximum": 128})


def _prefix_remedy(mask: str) -> str:
    """255.255.255.0 and /24 both mean 24."""
    try:
        return f"write {ipaddress.ip_network('0.0.0.0/' + mask.removeprefix('/')).prefixlen}"
    except ValueError:
        return ""


# ---- what checks need ----


def statuses() -> Scalar:
    """An HTTP status or a range of them; reads as the pair of first and last."""

    def read(value: object) -> tuple[int, int]:
        if isinstance(value, str) and (found := _RANGE.fullmatch(value)):
            first, last = int(found[1]), int(found[2])
        elif isinstance(value, int) and not isinstance(value, bool):
            first = last = value
        else:
            raise misfit(value)
        if not 100 <= first <= last <= 599:
            raise WrongValueError(f"{shown(value)} is out of range")
        return first, last

    one = {"type": "integer", "minimum": 100, "maximum": 599}
    several = {"type": "string", "pattern": "^[1-5][0-9]{2}-[1-5][0-9]{2}$"}
    return Scalar('HTTP statuses from 100 to 599, as 204 or "200-399"', read, {"anyOf": [one, several]})


def pattern() -> Scalar:
    """A regular expression as RE2 knows it (`carom.core.pattern`); stays text."""

    def read(value: object) -> str:
        from carom.core.pattern import compiled  # a library that only configurations with patterns wait for

        word = _string(value)
        try:
            compiled(word)
        except (ValueError, OverflowError) as error:
            raise WrongValueError(
                f"{shown(word)} is {error}", "write \\ before a sign that stands for itself"
            ) from None
        return word

    return Scalar("a regular expression of RE2", read, {"type": "string"})


_FRAMING = dict.fromkeys(("content-length", "transfer-encoding", "connection"), "delete it")


def headers(elsewhere: Mapping[str, str] = MappingProxyType({})) -> Scalar:
    """A table of HTTP headers; reads as pairs. `elsewhere` has a remedy for those that keys of their own set."""
    ours = _FRAMING | dict(elsewhere)
    name, content = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[!-~]([ -~\t]*[!-~])?")

    def read(value: object) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            raise misfit(value)
        seen: set[str] = set()
        for key, text in value.items():
            if not name.fullmatch(key):
                raise WrongValueError(f"{shown(key)} is no header's name", "write letters, digits and -")
            if not content.fullmatch(_string(text)):
                remedy = "write ASCII in one line, not empty and without spaces at its ends"
                raise WrongValueError(f"{shown(text)} is no header's value", remedy)
            if key.lower() in ours:
                raise WrongValueError(f"{shown(key)} is a header that Carom sets itself", ours[key.lower()])
            if key.lower() in seen:
                raise WrongValueError(f"{shown(key)} stands twice, for a header has no case", "keep one")
            seen.add(key.lower())
        return tuple(value.items())

    string = {"type": "string", "pattern": f"^{content.pattern}$"}
    schema = {"type": "object", "propertyNames": {"pattern": f"^{name.pattern}$"}, "additionalProperties": string}
    return Scalar("a table of text", read, schema)


def payload() -> Scalar:
    r"""Bytes to send or expect, as text (sent as UTF-8) in which \r \n \t \0 \\ \' \" and \xNN stand for bytes."""

    def read(value: object) -> bytes:
        word, sent, end = _string(value), b"", 0
        for found in _ESCAPE.finditer(word):
            if found[3] is not None:
                remedy = r"write \xNN for a byte, or \\ for a backslash"
                raise WrongValueError(f"{shown(word)} has an unknown escape", remedy)
            sent += word[end : found.start()].encode() + (_ESCAPED[found[1]] if found[1] else bytes.fromhex(found[2]))
            end = found.end()
        return sent + word[end:].encode()

    return Scalar(r"text, in which \r, \n and \xNN stand for bytes", read, {"type": "string"})


def command() -> Scalar:
    """A program with its arguments, in one text as a shell reads it; reads as a tuple. No shell runs it."""

    def read(value: object) -> tuple[str, ...]:
        word = _string(value)
        try:
            words = tuple(shlex.split(word))
        except ValueError as error:
            raise WrongValueError(f"{shown(word)} cannot be split into words: {error}", "close its quotes") from None
        if not words or not words[0].startswith("/"):
            raise WrongValueError(f"{shown(word)} does not begin with a program's whole path", "begin it with /")
        if "\0" in word:
            raise WrongValueError(f"{shown(word)} holds a NUL, which no argument can", "delete it")
        if found := _SHELL.search(_QUOTED.sub("''", word)):
            remedy = "write /bin/sh -c '...' around it, or name a script"
            raise WrongValueError(f"no shell reads {shown(word)}, so none heeds its {found[0]}", remedy)
        return words

    return Scalar("a program's whole path and its arguments", read, {"type": "string", "pattern": "^\\s*['\"]?/"})


def url() -> Scalar:
    """Where to send something by HTTP; reads as text."""

    def read(value: object) -> str:
        word = _string(value)
        try:
            parts = urlsplit(word)
            port = parts.port
        except ValueError as error:
            raise WrongValueError(f"{shown(word)} is no URL: {error}", _url_remedy(word)) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not _URL.fullmatch(word):
            raise WrongValueError(f"{shown(word)} is no URL of http or https", _url_remedy(word))
        if "@" in parts.netloc:
            remedy = "leave that out; headers takes Authorization"
            raise WrongValueError("a URL with a name and password does not fit", remedy)
        if parts.fragment:
            raise WrongValueError("a URL with a fragment does not fit", "delete it from the # on: it is never sent")
        return word

    return Scalar("a URL of http or https", read, {"type": "string", "pattern": "^https?://[!-~]+$"})


def _url_remedy(word: str) -> str:
    """Brackets around an IPv6 address, a scheme before a host; else an example."""
    host = word.partition("://")[2].partition("/")[0]
    if host.count(":") > 1:
        return "write an IPv6 address in brackets, as http://[fd00::1]:8080/path"
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?(/[!-~]*)?", word):
        return _instead(f"https://{word}")
    return "write it as https://hooks.example.com/path"
