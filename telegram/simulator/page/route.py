"""The page's routes on the control port."""

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import FileResponse

from telegram.simulator.page.news import News, Question
from telegram.simulator.world import World

FOLDER = Path(__file__).parent
FILES = {path.name: path for path in sorted(FOLDER.glob("*.*")) if path.suffix in (".js", ".css")}
"""What the page is made of, by name: nothing else of the folder is served."""
POLICY = {
    # Nothing from elsewhere, nothing inline, and no text can become markup even by mistake (trusted types).
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    # A deep link's token stands in the address: no link on the page may pass it on.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def add_page(app: FastAPI, world: World) -> None:
    """Mount the page, its files, what it asks for, and the links that open it."""
    news = News(world)

    @app.get("/", include_in_schema=False)
    async def get_page() -> FileResponse:
        return _file(FOLDER / "page.html")

    @app.get("/t.me/{username}", include_in_schema=False)
    async def open_link(username: str) -> FileResponse:
        known = username.lower() in {bot.username.lower() for bot in world.bots.values()}
        return _file(FOLDER / "page.html", 200 if known else 404)

    @app.get("/page/news")
    async def get_news(question: Annotated[Question, Query()], answer: Response) -> dict[str, object]:
        answer.headers["cache-control"] = "no-store"
        return news.since(question)

    @app.get("/page/{name}", include_in_schema=False)
    async def get_file(name: str) -> FileResponse:
        if name not in FILES:
            raise HTTPException(404, f"the page has no file {name}")
        return _file(FILES[name])


def _file(path: Path, status: int = 200) -> FileResponse:
    return FileResponse(path, status, POLICY)
