"""A free port: looked for among some, and not for ever."""

import socket

import pytest

from workers.embedded import engine


def test_where_all_are_taken_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is taken is not given; where there is no other it is an error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(engine, "LOWEST_PORT", port)
        monkeypatch.setattr(engine, "HIGHEST_PORT", port)
        with pytest.raises(RuntimeError, match=f"from {port} to {port}"):
            engine.free_port()
