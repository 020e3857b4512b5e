"""The wire to a server, which a test can cut: nobody listens then, as if the server's process had ended."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from workers.embedded.engine import free_port

CHUNK = 65536


class Wire:
    """Carries bytes between a port of its own and the server's."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._port = free_port()
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The address to use instead of the server's."""
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self._port)

    async def cut(self) -> None:
        """Break every connection at once, and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for end in self._ends:
            end.transport.abort()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _at: TracebackType | None
    ) -> None:
        await self.cut()

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_in, far_out = await asyncio.open_connection(self._target.hostname, self._target.port)
            ends = {near_out, far_out}
            if self._listener is None:  # cut while it was being laid
                near_out.transport.abort()
                far_out.transport.abort()
                return
            self._ends |= ends
            try:
                await asyncio.gather(_copy(near_in, far_out), _copy(far_in, near_out))
            finally:
                self._ends -= ends
                for end in ends:
                    end.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Carry one direction; the end of either ends both."""
    while chunk := await source.read(CHUNK):
        target.write(chunk)
        await target.drain()
    target.transport.abort()
