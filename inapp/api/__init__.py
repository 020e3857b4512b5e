"""The HTTP API of the inbox: what end users and the application ask for, in one envelope."""

from inapp.api.app import build_api
from inapp.api.dependencies import Dependencies

__all__ = ["Dependencies", "build_api"]
