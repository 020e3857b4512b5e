"""The search for what gets out can find it: planted in each place, and written in each way."""

import asyncio
import sys

import pytest

from tests.integration.canary import Kind, Needle, Search
from tests.integration.canary_stage import CanaryStage
from tests.integration.stage import until

ALL_TYPES = ("string", "hash", "list", "set", "zset", "stream")


async def _plant(mine: CanaryStage, place: str, word: str) -> None:
    """Let one needle get out in one place, and look into all."""
    redis, pipe = mine.lookout.redis, asyncio.subprocess.PIPE
    match place.split():
        case ["file", suffix]:
            (mine.stage.folder / f"planted{suffix}").write_text(f"before {word} behind")
        case ["redis", "key"]:
            await redis.set(f"vestnik:{word}", "1")
        case ["redis", "command"]:
            await redis.get(word)
        case ["redis", kind]:
            verbs = {"string": "SET k", "hash": "HSET k f", "list": "LPUSH k", "set": "SADD k", "zset": "ZADD k 1"}
            await redis.execute_command(*verbs.get(kind, "XADD k * f").split(), word)  # type: ignore[no-untyped-call]
        case _:
            sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", word, stdin=pipe)
            mine.lookout.look_at_processes()
            await sleeper.communicate(b"\n")


PLACES = ("file .log", "file .json", "redis key", "redis command", *(f"redis {kind}" for kind in ALL_TYPES), "ps")


@pytest.mark.parametrize("place", PLACES)
async def test_the_search_finds_what_gets_out(mine: CanaryStage, place: str) -> None:
    """A person, a text and a secret that are planted in one place are each found there."""

    def found() -> set[str]:
        return {needle for where, needle in mine.search.found if where == place}

    async with mine.lookout.kept():
        # what Redis is told before somebody listens, nobody hears
        await until(lambda: {"ps", "redis command"} <= mine.search.looked.keys())
        for word in (mine.canary.recipient, mine.canary.text, mine.canary.bot_token):
            await _plant(mine, place, word)
            await mine.lookout.look()
        await until(lambda: len(found()) == 3)
    assert found() == {"recipient", "text", "bot token"}


NEEDLE = Needle("name", Kind.PERSON, "Ось9")
WRITTEN = {
    "plain": "Ось9",
    "JSON": r"\u041e\u0441\u044c9",
    "URL": "%D0%9E%D1%81%D1%8C9",
    "bytes": r"\xd0\x9e\xd1\x81\xd1\x8c9",
    "base64": "0J7RgdGMOQ==",
    "base64, one behind": "YdCe0YHRjDk=",
    "base64, two behind": "YWHQntGB0Yw5",
    "hexadecimal": "D09ED181D18C39",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_the_search_finds_what_is_written_otherwise(written: str) -> None:
    """However a word is written, it is found."""
    search = Search([NEEDLE])
    search.look("here", f"before-{written}-behind".encode())
    assert set(search.found) == {("here", "name")}


def test_the_search_finds_a_chat_id_in_a_metric() -> None:
    """A chat id that Prometheus writes as a floating-point number is found, and what may be shown is not."""
    search = Search([Needle("chat id", Kind.PERSON, "7712345678")])
    search.look("here", b"vestnik_x 7.712345678009e+12")
    search.look("there", b"chat 7712345678009", allowed=frozenset({Kind.PERSON}))
    assert set(search.found) == {("here", "chat id")}
