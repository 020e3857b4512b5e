"""The page that explains the API, made of its OpenAPI document; it needs no other host."""

from fastapi import APIRouter, FastAPI


def build(app: FastAPI) -> APIRouter:
    """Build the page over an application's OpenAPI document."""
    raise NotImplementedError(app.title)
