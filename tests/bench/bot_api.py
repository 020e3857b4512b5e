"""A Bot API that takes every request and costs next to nothing: `python -m tests.bench.bot_api PORT`."""

import asyncio
import sys
from typing import cast

import uvloop

SENT = b'{"ok":true,"result":{"message_id":1,"date":1700000000,"chat":{"id":1,"type":"private"}}}'
ME = b'{"ok":true,"result":{"id":110201543,"is_bot":true,"first_name":"b","username":"bench_bot"}}'
HOOK = b'{"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":0}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
END, LAST_CHUNK, LENGTH = b"\r\n\r\n", b"0\r\n\r\n", b"content-length:"


class Server(asyncio.Protocol):
    """One connection; requests are cut, and not read."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._rest += data
        while (head := self._rest.find(END)) >= 0:
            lines = self._rest[:head].lower()
            end = self._end(lines, head + len(END))
            if end is None or len(self._rest) < end:
                return
            self._rest = self._rest[end:]
            body = ME if b"/getme" in lines else HOOK if b"/getwebhookinfo" in lines else SENT
            self._transport.write(HEAD % len(body) + body)

    def _end(self, lines: bytes, begin: int) -> int | None:
        """Tell where the request ends; None while that is not known."""
        if b"chunked" in lines:
            last = self._rest.find(LAST_CHUNK, begin - len(END))
            return None if last < 0 else last + len(LAST_CHUNK)
        _, found, after = lines.partition(LENGTH)
        return begin + (int(after.split(b"\r\n")[0]) if found else 0)


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
