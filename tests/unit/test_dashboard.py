"""deploy/grafana/vestnik.json is made of our metrics, of all of them and of nothing else."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.unit.promql import series_of, unknown
from tests.unit.promtool import needs_promtool, promtool
from tests.unit.series import families, known

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "vestnik.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CHARTS = {panel["title"]: panel for panel in PANELS if panel["type"] != "row"}


def expressions(panel: dict[str, Any]) -> list[str]:
    """Read what a panel asks Prometheus, with an interval in the place of Grafana's."""
    return [target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]]


@pytest.mark.parametrize("title", CHARTS)
def test_a_panel_asks_for_metrics_that_exist(title: str) -> None:
    """Every series of a panel is one of ours, with the labels it is asked for; its legend names no other."""
    for target, expression in zip(CHARTS[title]["targets"], expressions(CHARTS[title]), strict=True):
        asked = series_of(expression)
        assert asked
        assert unknown(expression, known()) == set()
        named = {part.split("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
        assert named <= frozenset[str]().union(*(known()[name] for name in asked))


def test_every_metric_has_its_panel() -> None:
    """No metric of ours is left out."""
    asked = {name for panel in CHARTS.values() for text in expressions(panel) for name in series_of(text)}
    assert families(asked) == families(known())


def test_every_panel_says_what_it_shows() -> None:
    """Titles and ids are unique, and each panel has a description and a unit."""
    assert len(CHARTS) == sum(panel["type"] != "row" for panel in PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert [
        title
        for title, panel in CHARTS.items()
        if not (panel["description"] and panel["fieldConfig"]["defaults"]["unit"])
    ] == []


def test_no_panel_lies_over_another() -> None:
    """Each place of the grid belongs to one panel, and the grid is 24 wide."""
    places = [panel["gridPos"] for panel in PANELS]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [(one, other) for one, other in combinations(places, 2) if overlap(one, other)] == []


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Tell whether two places share a piece of the grid."""
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or apart)


def test_the_prometheus_is_chosen_in_grafana() -> None:
    """No panel names the Prometheus of one installation."""
    sources = [source["datasource"] for panel in CHARTS.values() for source in [panel, *panel["targets"]]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]


@needs_promtool
def test_prometheus_takes_every_expression(tmp_path: Path) -> None:
    """Each expression is PromQL."""
    texts = [text for panel in CHARTS.values() for text in expressions(panel)]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "panels.json"  # JSON is YAML too
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    code, said = promtool("check", "rules", "--lint=none", file)
    assert code == 0, said
