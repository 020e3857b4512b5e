"""The HTTP session to the Bot API: faults come back as answers, and no URL (so no token) gets out."""

import json
from collections.abc import Awaitable, Callable
from typing import cast

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import ClientDecodeError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.utils.token import TokenValidationError
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from outbox.event_log.request_header import REQUEST_ID, is_sane
from telegram.answer import Answer, Lost, NotSent, Taken, Undecodable, read_answer
from telegram.call import Body, Call
from telegram.error import AnswerError, BadTokenError

CONNECT_SECONDS = 10.0
"""The longest wait for a connection: it must leave Telegram the time to hold a flood wait (8 s)."""


class BotApiSession(AiohttpSession):
    """Keep status, description, parameters and phase of every answer.

    `call` and `ask` answer with a value. `make_request` is what a `Bot`'s methods use; it raises `AnswerError`.
    """

    def __init__(self, api_base: str, *, timeout: float, connections: int) -> None:
        super().__init__(api=TelegramAPIServer.from_base(api_base), limit=connections, timeout=timeout)
        self._limits = _limits(timeout)

    async def call(
        self,
        bot: Bot,
        call: Call,
        timeout: float | None = None,  # noqa: ASYNC109 - it is aiohttp's, which tells the phases apart
        request_id: str | None = None,
    ) -> Answer:
        """Send one request, once, and answer with what came of it; raise nothing the network does.

        `request_id` goes along as a header, where it is one that a header can be.
        """
        session = await self.create_session()
        try:
            async with session.post(
                self.api.api_url(token=bot.token, method=call.method),
                data=call.body,
                headers={REQUEST_ID: request_id} if request_id and is_sane(request_id) else None,
                timeout=self._limits if timeout is None else _limits(timeout),
                # A redirect is somebody in between, and a redirected POST loses its arguments: let it count as a fault.
                allow_redirects=False,
            ) as response:
                return await _read(response.status, response.headers.get("Retry-After"), response.read)
        except (ClientError, TimeoutError, OSError) as fault:
            # Only the class survives: aiohttp's exceptions hold the URL, and with it the token.
            name = type(fault).__name__
        return Lost(name) if call.body.sent else NotSent(name)

    async def ask(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Answer:
        """Send aiogram's method as `call` does."""
        form = self.build_form_data(bot, method)
        return await self.call(bot, Call(method.__api_method__, Body(form())), timeout)

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """Send one request and answer with aiogram's object.

        Raises:
            AnswerError: anything but a success that can be read.

        """
        answer = await self.ask(bot, method, timeout)
        if not isinstance(answer, Taken):
            raise AnswerError(method.__api_method__, answer)
        content = json.dumps({"ok": True, "result": answer.result})
        try:
            response = self.check_response(bot=bot, method=method, status_code=200, content=content)
        except ClientDecodeError:
            answer = Undecodable(200)
        else:
            return cast("TelegramType", response.result)
        raise AnswerError(method.__api_method__, answer)

    async def create_session(self) -> ClientSession:
        """Open the connection pool at the first request."""
        if self._session is None or self._session.closed:
            self._session = ClientSession(
                connector=self._connector_type(**self._connector_init), cookie_jar=DummyCookieJar()
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; aiohttp waits for them itself, so aiogram's quarter of a second is saved."""
        if self._session is not None:
            await self._session.close()


def _limits(total: float) -> ClientTimeout:
    return ClientTimeout(total=total, sock_connect=min(CONNECT_SECONDS, total / 2))


async def _read(status: int, retry_header: str | None, read: Callable[[], Awaitable[bytes]]) -> Answer:
    """Read the body; a status whose body broke off still says what Telegram did."""
    try:
        body = await read()
    except (ClientError, TimeoutError, OSError):
        body = b""
    return read_answer(status, body, retry_header)


def make_bot(token: str, session: BotApiSession) -> Bot:
    """Make a bot that asks through this session.

    Raises:
        BadTokenError: the token cannot be one.

    """
    try:
        return Bot(token, session=session)
    except TokenValidationError:
        problem = "the bot token is malformed: it must look like 123456:ABC-def"
    raise BadTokenError(problem)
