"""What a fault looks like to whoever typed the command."""

import pytest
import typer

from workers.configuration.settings import SettingsError
from workers.main import main
from workers.process.exit_code import Exit


def test_faults_of_tasks_end_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What fails in tasks, also in tasks of tasks, is told by its own words."""
    inner = ExceptionGroup("tasks of a task", [SettingsError("one is wrong"), SettingsError("two is wrong")])

    def fail() -> None:
        raise ExceptionGroup("tasks", [inner, SettingsError("three is wrong")])

    monkeypatch.setattr(typer.main, "get_command", lambda _: fail)
    # the tests' own log stays as it is
    monkeypatch.setitem(main.__globals__, "_log", lambda: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.WRONG_SETTINGS
    assert capsys.readouterr().err == "vestnik: one is wrong; two is wrong; three is wrong\n"
