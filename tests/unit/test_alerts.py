"""The rules of deploy/prometheus are held to Prometheus, to the metrics and to their own tests."""

import re
from pathlib import Path

import pytest

from tests.unit.promql import unknown
from tests.unit.promtool import needs_promtool, promtool
from tests.unit.series import OF_THE_SCRAPE, exposition, known

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = (PROMETHEUS / "vestnik.rules.yml").read_text(encoding="utf-8")
TESTS = (PROMETHEUS / "vestnik.rules.test.yml").read_text(encoding="utf-8")

RULE = re.compile(r"^      - (alert|record): (\S+)\n((?:(?:        .*)?\n)*)", re.MULTILINE)
EXPRESSION = re.compile(r"^        expr: (?:>-\n)?((?:.*\n)(?:          .*\n)*)", re.MULTILINE)
EXPRESSIONS = {name: "".join(EXPRESSION.findall(body)) for _, name, body in RULE.findall(RULES)}
ALERTS = {name: body for kind, name, body in RULE.findall(RULES) if kind == "alert"}
RECORDS = [name for kind, name, _ in RULE.findall(RULES) if kind == "record"]


def labels() -> dict[str, frozenset[str]]:
    """Give what an expression may ask for: our series, what rules have recorded of them, and Prometheus's `up`."""
    of_ours = known()
    every = frozenset[str]().union(*of_ours.values())
    return of_ours | dict.fromkeys(RECORDS, every - OF_THE_SCRAPE) | {"up": OF_THE_SCRAPE}


def test_all_rules_are_seen() -> None:
    """These tests read every rule of the file, each with its expression."""
    assert len(EXPRESSIONS) == len(re.findall(r"\b(?:alert|record): ", RULES))
    assert all(EXPRESSIONS.values())


@needs_promtool
def test_prometheus_takes_the_rules_and_the_example() -> None:
    """The example of a scrape, and the rules that it loads, are valid and have no fault that promtool knows."""
    code, said = promtool("check", "config", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert code == 0, said
    assert f"{len(EXPRESSIONS)} rules found" in said


@needs_promtool
def test_alerts_fire_when_they_should() -> None:
    """Each alert fires in the cases of vestnik.rules.test.yml that want it, and in no other."""
    code, said = promtool("test", "rules", PROMETHEUS / "vestnik.rules.test.yml")
    assert code == 0, said


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_for_and_a_case_against(alert: str) -> None:
    """Each alert has a case in which it fires, and one in which it is silent though all its metrics are there."""
    cases = re.findall(rf"alertname: {alert}[,\n]\s*exp_alerts:( \[\])?", TESTS)
    assert "" in cases
    assert " []" in cases
    quiet = TESTS.split("- name: all is well")[1].split("- name:")[0]
    assert f"alertname: {alert}," in quiet


@pytest.mark.parametrize("rule", EXPRESSIONS)
def test_a_rule_asks_for_metrics_that_exist(rule: str) -> None:
    """Every series that a rule reads is one of ours or recorded here, and has the labels it is asked for."""
    assert unknown(EXPRESSIONS[rule], labels()) == set()


def test_every_record_is_used() -> None:
    """What is recorded is asked for by an alert."""
    asked = "".join(EXPRESSIONS[alert] for alert in ALERTS)
    assert [record for record in RECORDS if record not in asked] == []


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_whoever_is_woken_needs(alert: str) -> None:
    """Each alert has a severity, a summary, a description and the place of its entry in the runbook."""
    body = ALERTS[alert]
    assert re.search(r"severity: (critical|warning)}", body)
    assert re.search(r"^          summary: \S", body, re.MULTILINE)
    assert re.search(r"^          description: \S", body, re.MULTILINE)
    assert f"runbook: docs/runbook.md#{alert.lower()}\n" in body


@needs_promtool
def test_the_metrics_are_well_formed() -> None:
    """The page of metrics, with a sample of each, has no fault that promtool knows."""
    assert promtool("check", "metrics", stdin=exposition()) == (0, "")
