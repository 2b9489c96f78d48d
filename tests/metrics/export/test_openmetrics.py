"""What is scraped is what the rollups say, and a parser of the standard reads it."""

from contextlib import closing
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_classic

from metrics.export.openmetrics import metric_families, plan_valid_family, render, status_family, workspace_family
from metrics.store.database import open_store
from metrics.store.writer import insert_events

OPEN = "application/openmetrics-text; version=1.0.0"


def scraped(found, accept=OPEN):
    """All samples as {(name, sorted labels): value}."""
    body, content_type = render(found, accept)
    read = read_open if "openmetrics" in content_type else read_classic
    samples = (sample for family in read(body.decode()) for sample in family.samples)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def of(found, metric, /, **labels):
    """The values of a metric whose samples have these labels."""
    return [value for (name, own), value in found.items() if name == metric and set(labels.items()) <= set(own)]


@pytest.fixture
def db(tmp_path):
    """A fresh store on the live clock."""
    with closing(open_store(tmp_path / "metrics.db", "live")) as found:
        yield found


def live(run, system="monolith", level=0, **changes):
    """A run as a live one."""
    key = replace(run.key, system=system, level=level, mode="live", faults="real", series="", round=0)
    return replace(run, key=key, **changes)


def test_sums_are_those_of_the_rollups(db, a_run):
    """Runs, failures, busy seconds and rows come out as they went in, by side."""
    runs = [
        live(a_run(1, outcome="failed", duration_ns=2_000_000_000, blocked_ns=500_000_000)),
        live(a_run(2, duration_ns=1_000_000_000, started_at_us=5_000_000)),
        live(a_run(1), "service", 2),
    ]
    with db.conn:
        insert_events(db, [("run", run) for run in runs])
    found = scraped(metric_families(db, 12_000_000))
    old = {"system": "monolith", "level": "0", "partner": "AA", "feed": "f", "mode": "live", "faults": "real"}
    assert of(found, "milepost_runs_total", **old) == [2]
    assert of(found, "milepost_exchanges_total", **old) == [1]
    assert of(found, "milepost_exchanges_failed_total", attempt="first", **old) == [1]
    assert of(found, "milepost_exchanges_failed_total", attempt="last", **old) == [0]
    assert of(found, "milepost_busy_seconds_total", **old) == [2.5]
    assert of(found, "milepost_rows_total", outcome="delivered", **old) == [4]
    assert of(found, "milepost_evidence_age_seconds", **old) == [7]
    assert of(found, "milepost_runs_total", system="service", level="2") == [1]


def test_what_nobody_counted_has_no_sample(db, a_run):
    """Nobody has counted what this live partner holds twice or lost, so nothing is said; 0 would be a claim."""
    with db.conn:
        insert_events(db, [("run", live(a_run()))])
    found = scraped(metric_families(db, None))
    assert of(found, "milepost_records_total", state="lost") == of(found, "milepost_records_total", state="twice") == []
    assert of(found, "milepost_evidence_age_seconds") == []


def test_a_replay_counts_records_and_has_no_age(tmp_path, a_run, a_holding):
    """Holdings are counted by state, and a replayed day is not held against the wall clock."""
    with closing(open_store(tmp_path / "r.db", "replay")) as db:
        with db.conn:
            insert_events(db, [("run", a_run()), ("holding", a_holding)])
        found = scraped(metric_families(db, 10**15))
    assert of(found, "milepost_records_total", state="held", mode="replay") == [4]
    assert of(found, "milepost_records_total", state="twice") == [2]
    assert of(found, "milepost_evidence_age_seconds") == []


def test_hostile_labels_stay_labels(db, a_run):
    """Quotes, backslashes, line breaks and braces in a name come back as they were, in both forms."""
    name = 'x"} 1\\\nmilepost_evil_total{a="b'
    with db.conn:
        insert_events(db, [("run", live(a_run(), partner=name))])
    for accept in (OPEN, "text/plain"):
        found = scraped([workspace_family(name, "live"), *metric_families(db, None)], accept)
        assert of(found, "milepost_runs_total", partner=name) == [1]
        assert of(found, "milepost_workspace_info", name=name) == [1]
        assert not any(metric.startswith("milepost_evil") for metric, _ in found)


def test_the_form_is_the_one_that_is_accepted():
    """OpenMetrics ends in `# EOF`; whoever does not ask for it gets the older text."""
    body, content_type = render([workspace_family("w", "live")], OPEN)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    body, content_type = render([workspace_family("w", "live")], "")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"EOF" not in body


@pytest.mark.parametrize("accept", [OPEN, "text/plain"])
def test_whether_the_plan_can_be_used_is_one_or_nought(accept):
    """A gauge without labels, in both forms, that an alarm can be set on."""
    for is_valid in (True, False):
        assert scraped([plan_valid_family(is_valid=is_valid)], accept) == {("milepost_plan_valid", ()): is_valid}


def test_a_status_is_one_of_all_there_are():
    """A state set has every status, and exactly one of them is true."""
    found = scraped([status_family([("M1", "proven"), ("M2", "stalled")], ["proven", "stalled", "missed"])])
    assert {key[1]: value for key, value in found.items() if ("milestone", "M1") in key[1]} == {
        (("milepost_milestone_status", status), ("milestone", "M1")): float(status == "proven")
        for status in ("proven", "stalled", "missed")
    }
    assert sum(found.values()) == 2
