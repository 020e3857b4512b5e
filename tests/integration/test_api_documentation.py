"""The page that explains the API: whole, readable without a script, and asking no other host for anything."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from fastapi import FastAPI
from pydantic import BaseModel

from inapp.api import documentation
from inapp.api.documentation import MEANINGS
from inapp.api.error import Code
from inapp.api.operation import read_operations
from tests.integration.api_stage import CONSUMER_SECRET, ApiStage

ELSEWHERE = re.compile(r"(https?:)?//", re.IGNORECASE)


class Seen(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.styles: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag is, and what it asks for."""
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name in {"src", "href", "srcset", "action", "data", "poster", "style"}:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        """Note what is shown, and how."""
        if self.lasttag == "style" and not self.styles:
            self.styles.append(data)
        self.text += data


async def load(api: ApiStage) -> tuple[Seen, str]:
    """Load the page; give it with its policy."""
    async with api.session.get(f"{api.url}/api/docs") as answer:
        assert (answer.status, answer.content_type, answer.charset) == (200, "text/html", "utf-8")
        return Seen(await answer.text()), answer.headers["Content-Security-Policy"]


async def test_everything_is_on_the_page(api: ApiStage) -> None:
    """Each endpoint of the document has its place with its parameters and fields, and each code its meaning."""
    page, _ = await load(api)
    async with api.session.get(f"{api.url}/api/openapi.json") as answer:
        document = await answer.json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page.text
            assert all(parameter["name"] in page.text for parameter in operation.get("parameters", ()))
    for name, schema in document["components"]["schemas"].items():
        assert all(field in page.text for field in schema.get("properties", ())), name
    assert set(MEANINGS) == set(Code)
    assert all(f"{code}{meaning}" in re.sub(r"\n *|\d{3}", "", page.text) for code, meaning in MEANINGS.items())


async def test_links_lead_somewhere(api: ApiStage) -> None:
    """Each address on the page is a place on it, or the document; and no place has the name of another."""
    page, _ = await load(api)
    assert len(set(page.ids)) == len(page.ids)
    assert {address for address in page.addresses if address.removeprefix("#") not in page.ids} == {"/api/openapi.json"}


async def test_no_other_host_is_asked(api: ApiStage) -> None:
    """The page loads nothing: no script, no font, no picture; its policy would let it load nothing either."""
    page, policy = await load(api)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    assert not [address for address in page.addresses if ELSEWHERE.match(address)]
    (style,) = page.styles
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rest = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"


async def test_both_lights(api: ApiStage) -> None:
    """The page has colours for light and for dark."""
    page, _ = await load(api)
    assert "@media (prefers-color-scheme: dark)" in page.styles[0]


class Node(BaseModel):
    """<script>alert(1)</script> with `<b>` in it."""

    name: str
    inner: "Node | None" = None
    several: list["Node"] = []


def test_markup_stays_text_and_loops_end() -> None:
    """What stands in the document is text on the page, and a schema that contains itself is told to some depth."""
    app = FastAPI(title="<img src=x>")

    @app.post("/nodes")
    def post_node(node: Node) -> Node:
        """Make one."""
        return node

    page = Seen(documentation.render(app.openapi(), ""))
    assert page.tags.isdisjoint({"script", "img", "b-"})
    assert "<script>alert(1)</script> with <b> in it." in page.text
    assert "<img src=x>: the HTTP API" in page.text
    assert "inner.inner.name" in page.text


async def test_examples_can_be_sent(api: ApiStage) -> None:
    """The example of each body has the form that its endpoint wants: where it is refused, it is for a fact."""
    async with api.session.get(f"{api.url}/api/openapi.json") as answer:
        operations = list(read_operations(await answer.json()))
    tokens = {"endUser": api.token("anna"), "application": CONSUMER_SECRET}
    sent: dict[str, int] = {}
    for one in operations:
        for shape in one.body.shapes if one.body else ():
            token = tokens[one.access[0]] if one.access else None
            reply = await api.call(one.method, one.path, token=token, json=json.loads(shape.example))
            sent[f"{one.path} {len(sent)}"] = reply.status
    assert sent == {
        "/api/notifications/read-all 0": 200,
        "/api/preferences 1": 200,
        "/api/telegram/session 2": 401,
        "/api/outbox/events 3": 200,
        "/api/outbox/events 4": 200,
        "/api/outbox/pull 5": 200,
        "/api/outbox/ack 6": 409,
    }
