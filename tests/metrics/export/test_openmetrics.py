"""The scraped text has the numbers of the rollups, and the standard's own parser reads it."""

from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_classic

from metrics.export.openmetrics import metric_families, plan_valid_family, render, status_family, workspace_family

OPEN = "application/openmetrics-text; version=1.0.0"


def scrape(families, accept=OPEN):
    """Return all samples as {(name, sorted labels): value}."""
    body, content_type = render(families, accept)
    read = read_open if "openmetrics" in content_type else read_classic
    samples = (sample for family in read(body.decode()) for sample in family.samples)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def values(samples, metric, /, **labels):
    """Return the values of a metric's samples that have these labels."""
    return [value for (name, own), value in samples.items() if name == metric and set(labels.items()) <= set(own)]


@pytest.fixture
def db(a_store):
    """A fresh store on the live clock."""
    return a_store("live")


def live(run, system="monolith", level=0, **changes):
    """Return the run as a live run."""
    key = replace(run.key, system=system, level=level, mode="live", faults="real", series="", round=0)
    return replace(run, key=key, **changes)


def test_sums_match_the_rollups(db, a_run, insert):
    """Runs, failures, busy seconds and rows are summed by side."""
    runs = [
        live(a_run(1, outcome="failed", duration_ns=2_000_000_000, blocked_ns=500_000_000)),
        live(a_run(2, duration_ns=1_000_000_000, started_at_us=5_000_000)),
        live(a_run(1), "service", 2),
    ]
    insert(db, *runs)
    samples = scrape(metric_families(db, 12_000_000))
    old = {"system": "monolith", "level": "0", "partner": "AA", "feed": "f", "mode": "live", "faults": "real"}
    assert values(samples, "milepost_runs_total", **old) == [2]
    assert values(samples, "milepost_exchanges_total", **old) == [1]
    assert values(samples, "milepost_exchanges_failed_total", attempt="first", **old) == [1]
    assert values(samples, "milepost_exchanges_failed_total", attempt="last", **old) == [0]
    assert values(samples, "milepost_busy_seconds_total", **old) == [2.5]
    assert values(samples, "milepost_rows_total", outcome="delivered", **old) == [4]
    assert values(samples, "milepost_evidence_age_seconds", **old) == [7]
    assert values(samples, "milepost_runs_total", system="service", level="2") == [1]


def test_an_unknown_number_has_no_sample(db, a_run, insert):
    """Lost and double records of a live partner are unknown: there is no sample, as 0 would be a claim."""
    insert(db, live(a_run()))
    samples = scrape(metric_families(db, None))
    assert (
        values(samples, "milepost_records_total", state="lost")
        == values(samples, "milepost_records_total", state="twice")
        == []
    )
    assert values(samples, "milepost_evidence_age_seconds") == []


def test_a_replay_counts_records_and_has_no_age(a_store, a_run, a_holding, insert):
    """Holdings are counted by state, and a replayed day is not compared with the wall clock."""
    db = a_store("replay")
    insert(db, a_run(), a_holding)
    samples = scrape(metric_families(db, 10**15))
    assert values(samples, "milepost_records_total", state="held", mode="replay") == [4]
    assert values(samples, "milepost_records_total", state="twice") == [2]
    assert values(samples, "milepost_evidence_age_seconds") == []


def test_hostile_labels_stay_labels(db, a_run, insert):
    """Quotes, backslashes, line breaks and braces in a name are read back unchanged, in both formats."""
    name = 'x"} 1\\\nmilepost_evil_total{a="b'
    insert(db, live(a_run(), partner=name))
    for accept in (OPEN, "text/plain"):
        samples = scrape([workspace_family(name, "live"), *metric_families(db, None)], accept)
        assert values(samples, "milepost_runs_total", partner=name) == [1]
        assert values(samples, "milepost_workspace_info", name=name) == [1]
        assert not any(metric.startswith("milepost_evil") for metric, _ in samples)


def test_the_accept_header_selects_the_format():
    """OpenMetrics ends in `# EOF`; without the header the older text format is sent."""
    body, content_type = render([workspace_family("w", "live")], OPEN)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    body, content_type = render([workspace_family("w", "live")], "")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"EOF" not in body


@pytest.mark.parametrize("accept", [OPEN, "text/plain"])
def test_a_valid_plan_is_one_and_an_invalid_one_zero(accept):
    """A gauge without labels, in both formats, for alarms."""
    for is_valid in (True, False):
        assert scrape([plan_valid_family(is_valid=is_valid)], accept) == {("milepost_plan_valid", ()): is_valid}


def test_exactly_one_status_is_true():
    """A state set has every status, and one of them is true."""
    samples = scrape([status_family([("M1", "proven"), ("M2", "stalled")], ["proven", "stalled", "missed"])])
    assert {key[1]: value for key, value in samples.items() if ("milestone", "M1") in key[1]} == {
        (("milepost_milestone_status", status), ("milestone", "M1")): float(status == "proven")
        for status in ("proven", "stalled", "missed")
    }
    assert sum(samples.values()) == 2
