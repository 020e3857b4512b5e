"""Values that can be recognised wherever they get out and however they are written there, and the search for them."""

import base64
import html
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote


class Kind(StrEnum):
    """What a needle gives away."""

    PERSON = "person"
    """Who somebody is: recipient, name, chat."""
    TEXT = "text"
    """What was written to somebody."""
    SECRET = "secret"
    """A key to something."""


@dataclass(frozen=True, slots=True)
class Needle:
    """A word that stands nowhere but in one value of a canary."""

    name: str
    kind: Kind
    word: str

    def forms(self) -> frozenset[bytes]:
        """Write the word in every way in which it could get out, in small letters."""
        raw = self.word.encode()
        written = [raw, json.dumps(self.word).strip('"').encode(), quote(self.word).encode(), raw.hex().encode()]
        written += [html.escape(self.word).encode(), repr(raw)[2:-1].encode()]
        written += [_in_base64(raw, offset) for offset in range(3)]
        if self.word.isdecimal():
            # as Prometheus writes a large number
            written.append(f"{self.word[0]}.{self.word[1:]}".encode())
        return frozenset(form.lower() for form in written)


def _in_base64(raw: bytes, offset: int) -> bytes:
    """Cut out what stays the same whatever stands before and behind it, for one of three ways to fall into place."""
    coded = base64.urlsafe_b64encode(bytes(offset) + raw)
    return coded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]


def _word(name: str) -> str:
    return f"{name}{uuid.uuid4().hex[:8]}"


def _cyrillic(name: str) -> str:
    """Make a word that is no other canary's, of letters that each way of writing writes differently."""
    return name + "".join(chr(ord("а") + int(digit, 16)) for digit in uuid.uuid4().hex[:8])


@dataclass(frozen=True, slots=True)
class Canary:
    """A person, a message and the secrets of an installation, each with words of its own."""

    recipient: str = field(default_factory=lambda: _word("kanarek-"))
    name: str = field(default_factory=lambda: _word(f'Ärmel "{_cyrillic("Ось")}\'минога" <&> Wanda'))
    text: str = field(default_factory=lambda: _word(f"{_cyrillic('Жёлт')} 'птица' & \"клетка\" <b>\\ Finch"))
    chat: int = field(default_factory=lambda: 77 * 10**11 + uuid.uuid4().int % 10**8 * 10**3)
    """The last three digits are for the number of the person."""
    bot_token: str = field(default_factory=lambda: f"1000000001:AA{_word('BotTokenOfTheCanaryInTheMine')}")
    wrong_token: str = field(default_factory=lambda: f"1000000002:AA{_word('TokenThatNobodyTakesInTheMine')}")
    database_password: str = field(default_factory=lambda: _word("Datenbank"))
    redis_password: str = field(default_factory=lambda: _word("Speicher"))
    consumer_secret: str = field(default_factory=lambda: _word("Abnehmer"))
    jwt_secret: str = field(default_factory=lambda: _word("Ausweis"))
    binding_token: str = field(default_factory=lambda: _word("BindungDesKanarienvogels"))
    """As long as one is: 32 characters."""
    operator: str = field(default_factory=lambda: _word("Bergmann"))

    def needles(self) -> list[Needle]:
        """Name what may be found nowhere."""
        return [
            Needle("recipient", Kind.PERSON, self.recipient),
            *(Needle("name", Kind.PERSON, word) for word in (re.findall(r"\w+", self.name)[1], self.name.split()[-1])),
            Needle("operator", Kind.PERSON, self.operator),
            Needle("chat id", Kind.PERSON, str(self.chat)[:-3]),
            *(Needle("text", Kind.TEXT, word) for word in (self.text.split()[0], self.text.split()[-1])),
            Needle("bot token", Kind.SECRET, self.bot_token.split(":")[1]),
            Needle("wrong bot token", Kind.SECRET, self.wrong_token.split(":")[1]),
            Needle("database password", Kind.SECRET, self.database_password),
            Needle("redis password", Kind.SECRET, self.redis_password),
            Needle("consumer secret", Kind.SECRET, self.consumer_secret),
            Needle("JWT secret", Kind.SECRET, self.jwt_secret),
            Needle("binding token", Kind.SECRET, self.binding_token),
        ]


AROUND = 120
"""Bytes on either side of a find that are shown."""


class Search:
    """Looks for needles in whatever it is shown, and remembers where it has looked."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._forms = {form: needle for needle in needles for form in needle.forms()}
        self._pattern = re.compile(b"|".join(re.escape(form) for form in self._forms))
        self._known: set[int] = set()
        self.looked = Counter[str]()
        """How many bytes were looked through, by place."""
        self.found: dict[tuple[str, str], str] = {}
        """What was found first, by place and needle."""

    def look(self, place: str, content: bytes, *, allowed: frozenset[Kind] = frozenset()) -> None:
        """Look through all that stands in one place; the same content again costs nothing."""
        known = hash((place, content))
        if known in self._known:
            return
        self._known.add(known)
        self.looked[place] += len(content)
        small = content.lower()
        for hit in self._pattern.finditer(small):
            needle = self._forms[hit[0]]
            if needle.kind not in allowed:
                around = content[max(0, hit.start() - AROUND) : hit.end() + AROUND]
                self.found.setdefault((place, needle.name), around.decode(errors="replace"))
