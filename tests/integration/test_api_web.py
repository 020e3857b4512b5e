"""The bell's file as the API serves it."""

from inapp.api.web import SCRIPT
from tests.integration.api_stage import ApiStage

PATH = "/inbox/vestnik-bell.js"


async def test_the_bell_is_served_to_every_page(api: ApiStage) -> None:
    """The file comes without a token, as a script that pages of any origin may load, also as a module."""
    async with api.session.get(f"{api.url}{PATH}") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/javascript"
        assert await answer.read() == SCRIPT
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "x-request-id" in answer.headers
    assert b'customElements.define("vestnik-bell"' in SCRIPT


async def test_a_browser_that_has_it_is_told_so(api: ApiStage) -> None:
    """The browser asks on every page, and is sent the file only when it is another one than it has."""
    async with api.session.get(f"{api.url}{PATH}") as answer:
        tag = answer.headers["etag"]
        assert answer.headers["cache-control"] == "public, no-cache"
    for known, status in ((tag, 304), (f'"old", W/{tag}', 304), ('"old"', 200)):
        async with api.session.get(f"{api.url}{PATH}", headers={"If-None-Match": known}) as answer:
            assert (answer.status, answer.headers["etag"]) == (status, tag), known


async def test_the_file_is_no_endpoint(api: ApiStage) -> None:
    """The OpenAPI document does not name it."""
    async with api.session.get(f"{api.url}/api/openapi.json") as answer:
        document = await answer.json()
    assert "/api/notifications" in document["paths"]
    assert PATH not in document["paths"]
