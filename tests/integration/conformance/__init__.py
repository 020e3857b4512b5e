"""The table: which request the Bot API answers how, to the letter, and where that is known from."""

from tests.integration.conformance.delivery import DELIVERY
from tests.integration.conformance.html import HTML
from tests.integration.conformance.length import LENGTH
from tests.integration.conformance.markdown import MARKDOWN
from tests.integration.conformance.markup import MARKUP
from tests.integration.conformance.order import ORDER
from tests.integration.conformance.row import CHATS, Row
from tests.integration.conformance.state import STATE
from tests.integration.conformance.transport import TRANSPORT

__all__ = ["CHATS", "ROWS", "Row"]

ROWS: tuple[Row, ...] = (*TRANSPORT, *STATE, *HTML, *MARKDOWN, *LENGTH, *MARKUP, *ORDER, *DELIVERY)
