"""Every place in which something could get out of running workers, looked through again and again."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from redis.asyncio import Redis

from tests.integration.canary import Search

EVERY_S = 0.25
PS = shutil.which("ps") or "ps"
PAGES = ("metrics", "api/health", "api/health/ready")


@dataclass(frozen=True, slots=True)
class Lookout:
    """Where to look, and the search that does it."""

    search: Search
    redis: Redis
    files: Sequence[Path]
    """Files, and folders that are looked through whole."""
    binds: Sequence[str] = ()
    """Addresses of the workers' probes and metrics."""

    async def look(self) -> None:
        """Look once into every place."""
        self.look_into_files()
        self.look_at_processes()
        await self.look_at_pages()
        await self.look_into_redis()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look again and again, and at every command that Redis gets, for as long as the block lasts."""
        watches = [asyncio.create_task(self._look_on()), asyncio.create_task(self._monitor())]
        try:
            yield
        finally:
            for task in watches:
                task.cancel()
            ended = await asyncio.gather(*watches, return_exceptions=True)
            await self.look()
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended

    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def _monitor(self) -> None:
        """Look at each command with its arguments: a job lives too short to be found by its key."""
        where = self.redis.connection_pool.connection_kwargs
        reader, writer = await asyncio.open_connection(where["host"], where["port"])
        writer.write(f"AUTH {where['password']}\r\nMONITOR\r\n".encode())
        try:
            assert await reader.readline() + await reader.readline() == b"+OK\r\n+OK\r\n"
            while line := await reader.readline():
                self.search.look("redis command", line)
        finally:
            writer.close()

    def look_into_files(self) -> None:
        """Look into logs, health files and whatever else lies in the folders."""
        for path in self.files:
            for file in path.rglob("*") if path.is_dir() else [path]:
                with suppress(FileNotFoundError):  # a health file on its way into its place
                    if file.is_file():
                        self.search.look(f"file {file.suffix}", file.read_bytes())

    def look_at_processes(self) -> None:
        """Look at the command line of every process of the machine, and at what `ps` makes of them."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                self.search.look("command line", (folder / "cmdline").read_bytes())
        listed = subprocess.run([PS, "-ww", "-eo", "args="], check=True, capture_output=True)
        self.search.look("ps", listed.stdout)

    async def look_at_pages(self) -> None:
        """Look at metrics and probes."""
        for bind in self.binds:
            for page in PAGES:
                with suppress(aiohttp.ClientError):  # the worker has not begun, or has ended
                    async with aiohttp.request("GET", f"http://{bind}/{page}") as answer:
                        self.search.look(f"page {page}", await answer.read())

    async def look_into_redis(self) -> None:
        """Look at every key and value, of whatever type."""
        async for key in self.redis.scan_iter():
            self.search.look("redis key", key)
            kind = (await self.redis.type(key)).decode()
            if kind != "none":  # it has just gone
                verb, *more = READ[kind]
                value = await self.redis.execute_command(verb, key, *more)  # type: ignore[no-untyped-call]
                self.search.look(f"redis {kind}", repr(value).encode())


READ: Mapping[str, tuple[object, ...]] = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "list": ("LRANGE", 0, -1),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    "stream": ("XRANGE", "-", "+"),
}
"""How a key of each type is read: the command, and what stands behind the key."""
