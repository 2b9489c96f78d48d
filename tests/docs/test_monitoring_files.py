"""The files of `docs/how-to/monitoring/` name only metrics, labels and commands that the program has."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read

import roadmap
from dashboard.app import create_app
from dashboard.config import Config
from metrics.export.service_gauges import GAUGES
from milepost.cli import COMMANDS

MONITORING = Path(__file__).parents[2] / "docs" / "how-to" / "monitoring"
PAGE = MONITORING.parent / "watch-the-service.md"
PLAN = Path(roadmap.__file__).with_name("milestones.toml")
OPEN = {"Accept": "application/openmetrics-text;version=1.0.0"}


@pytest.fixture(scope="module")
def exported(made_up, busy_service):
    """The labels of each metric in `/metrics`, by its name, where something is open of every sort."""
    app = create_app(Config(store=made_up(), milestones=PLAN, built=1, workspace_name="w", service=busy_service))
    labels = {}
    for family in read(app.test_client().get("/metrics", headers=OPEN).text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels | {name: set(names) for name, (_, names) in GAUGES.items()}


def rules():
    """All alert rules."""
    (group,) = yaml.safe_load((MONITORING / "milepost.rules.yml").read_text())["groups"]
    return group["rules"]


def queries():
    """The queries of the dashboard by panel, and of the rules by alert."""
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
    found = {panel["title"]: target["expr"] for panel in panels for target in panel["targets"]}
    return found | {rule["alert"]: rule["expr"] for rule in rules()}


def test_each_metric_and_label_of_a_query_is_exported(exported):
    """A misspelt name gives an empty panel, or an alert that never comes."""
    for title, query in queries().items():
        names = set(re.findall(r"\bmilepost_\w+(?=\b(?!\s*(?:=~|!=|=(?!=))))", query)) | set(
            re.findall(r"^\(?(milepost_\w+)", query)
        )
        assert names <= set(exported), title
        assert names or "up{" in query, title
        for name, inner in re.findall(r"(milepost_\w+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", inner)) <= exported[name], title
        for inner in re.findall(r"sum by \(([^)]*)\) \((?:increase\()?(milepost_\w+)", query):
            assert set(re.split(r",\s*", inner[0])) <= exported[inner[1]], title


def test_each_rule_says_what_is_wrong_and_what_to_do():
    """An alert has a severity, a sentence, and a command that exists; Prometheus accepts its time."""
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        program, command = rule["annotations"]["action"].split()[:2]
        assert program == "systemctl" or (program == "milepost" and command in COMMANDS), rule["alert"]
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))


def test_the_scrape_configuration_loads_the_rules():
    """Its rule file is the one beside it, and the rules name its job."""
    configuration = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    assert all((MONITORING / name).is_file() for name in configuration["rule_files"])
    (job,) = configuration["scrape_configs"]
    assert any(f'job="{job["job_name"]}"' in rule["expr"] for rule in rules())


def test_the_page_lists_every_gauge_with_its_labels():
    """What the page says of the gauges is what the program exports."""
    listed = dict(re.findall(r"^\| `(milepost_\w+)` \| ([\w, ]*) ?\|", PAGE.read_text(), re.MULTILINE))
    expected = {name: ", ".join(labels) for name, (_, labels) in GAUGES.items()}
    expected["milepost_circuit_breaker_state"] = "partner, feed"
    assert {name: labels.strip() for name, labels in listed.items()} == expected
