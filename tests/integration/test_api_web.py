"""The bell's modules as the API serves them."""

import re

from inapp.api.web import SCRIPTS
from tests.integration.api_stage import ApiStage
from tests.integration.stage import PROJECT

FOLDER = PROJECT / "inapp" / "web"
IMPORT = re.compile(r"""\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']""")
"""What a module asks for: `… from "…"`, `import "…"`, `import("…")`."""


def imports(script: bytes) -> list[str]:
    """Name what a module imports, as it is written there."""
    return [static or dynamic for static, dynamic in IMPORT.findall(script.decode())]


async def test_the_bell_is_served_to_every_page(api: ApiStage) -> None:
    """Every file comes without a token, as a module that pages of any origin may load."""
    names = {file.name for file in FOLDER.glob("*.js")}
    assert "vestnik-bell.js" in names
    for name in names:
        async with api.session.get(f"{api.url}/inbox/{name}") as answer:
            assert answer.status == 200, name
            assert answer.content_type == "text/javascript"
            assert await answer.read() == (FOLDER / name).read_bytes()
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "x-request-id" in answer.headers
    assert {f"{name}.js" for name in SCRIPTS} == names
    assert b'customElements.define("vestnik-bell"' in SCRIPTS["vestnik-bell"].content


def test_every_import_finds_a_module() -> None:
    """From the entry every file is reached, and each import is the relative path of a file that is served."""
    reached, ahead = set[str](), ["./vestnik-bell.js"]
    while ahead:
        path = ahead.pop()
        name = path.removeprefix("./").removesuffix(".js")
        assert path == f"./{name}.js"
        assert name in SCRIPTS
        if name not in reached:
            reached.add(name)
            ahead += imports(SCRIPTS[name].content)
    assert reached == SCRIPTS.keys()


async def test_a_browser_that_has_it_is_told_so(api: ApiStage) -> None:
    """The browser asks on every page, and is sent a file only when it is another one than it has."""
    tags = set()
    for name in SCRIPTS:
        path = f"{api.url}/inbox/{name}.js"
        async with api.session.get(path) as answer:
            tag = answer.headers["etag"]
            assert answer.headers["cache-control"] == "public, no-cache"
        for known, status in ((tag, 304), (f'"old", W/{tag}', 304), ('"old"', 200)):
            async with api.session.get(path, headers={"If-None-Match": known}) as answer:
                assert (answer.status, answer.headers["etag"]) == (status, tag), known
                assert answer.headers["access-control-allow-origin"] == "*"
        tags.add(tag)
    assert len(tags) == len(SCRIPTS)


async def test_nothing_else_of_the_folder_is_served(api: ApiStage) -> None:
    """Another name is NOT_FOUND, also one that leads to a file."""
    others = ("nothing.js", "__init__.py", "__init__.js", ".js", "vestnik-bell", "VESTNIK-BELL.js", "vestnik-bell.js/")
    for name in (*others, "..%2Fweb%2Fvestnik-bell.js", "%2e%2e%2f__init__.py%00.js", "vestnik-bell.js.js"):
        reply = await api.get(f"/inbox/{name}")
        assert (reply.status, reply.code) == (404, "NOT_FOUND"), name


async def test_the_files_are_no_endpoints(api: ApiStage) -> None:
    """The OpenAPI document does not name them."""
    async with api.session.get(f"{api.url}/api/openapi.json") as answer:
        document = await answer.json()
    assert "/api/notifications" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/inbox")]
