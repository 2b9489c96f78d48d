"""From the row that is broken to the store: why it was set aside, in production and in a replay."""

import json
import os
from contextlib import closing
from importlib import resources

from click.testing import CliRunner

from metrics.collector.collect import collect
from metrics.events import SpoolRecorder
from metrics.queries.quarantined_rows import rows_by_reason
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import get_page
from metrics.replay import workload
from metrics.replay.harness import replay
from metrics.replay.subject_run import ReplayRequest
from metrics.store.database import open_reader, open_store
from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace


def test_a_live_run_brings_its_reasons_into_the_store(tmp_path, start_partner):
    """`milepost run`, then `milepost metrics collect`: the list says how many rows, and why."""
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    feed, sample = root / "partners" / "AA.toml", root / "var/inbox/AA/flights/sample.csv"
    text = feed.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ").replace("timeout_s = 2.0", "timeout_s = 60")
    feed.write_text(text.replace("http://127.0.0.1:8766", start_partner().url))
    lines = sample.read_text().splitlines(keepends=True)
    lines[1], lines[2] = lines[1].replace("2013,1,1,", "2013,13,1,"), lines[2].replace("2013,1,1,", "2013,x,1,")
    sample.write_text("".join(lines))
    os.utime(sample, (0, 0))
    for command in (["run"], ["metrics", "collect"]):
        done = CliRunner().invoke(main, ["-w", str(root), *command])
        assert done.exit_code == 0, done.output
    with closing(open_reader(root / "var" / "metrics-live.db")) as db:
        (run,) = get_page(db, RunFilter()).rows
        assert (run.aside, run.rows["quarantined"]) == ({"constraint-error": 1, "type-error": 1}, 2)
        found = [(reason.partner, reason.code, reason.rows) for reason in rows_by_reason(db, RunFilter())]
        assert found == [("AA", "constraint-error", 1), ("AA", "type-error", 1)]


def test_a_replay_brings_its_reasons_into_the_store(tmp_path):
    """The harness takes them from the service's own words; the monolith, which sets nothing aside, tells none."""
    folder, spool = tmp_path / "replay", tmp_path / "spool"
    folder.mkdir()
    create_workspace(tmp_path / "w", "w", "replay", AIRLINES, "")
    with resources.as_file(resources.files("metrics.replay") / "faults-standard.toml") as rates:
        load = workload.build_workload(folder, rates, "standard", 3)
    spoiled = [file for file in load.files if file.broken][:2]
    load = workload.Workload(tuple(spoiled), load.truth, {"faults": {}, "down": {}}, load.sha256)
    (folder / "plan-standard.json").write_text(json.dumps(load.plan))
    request = ReplayRequest(tmp_path / "w", folder, ("monolith", "service@4"), (1,), "standard", load, 1, "0.1.0")
    with closing(SpoolRecorder(spool)) as recorder:
        for _ in replay(request, recorder, lambda: None):
            pass
    with closing(open_store(tmp_path / "metrics.db", "replay")) as db:
        collect(spool, db, 0)
        runs = get_page(db, RunFilter(sides=("service",))).rows
        assert len(runs) == len(spoiled)
        for run in runs:
            assert sum(run.aside.values()) == run.rows["quarantined"] > 0
        assert {run.aside for run in get_page(db, RunFilter(sides=("monolith",))).rows} == {None}
        reasons = rows_by_reason(db, RunFilter())
        assert sum(reason.rows for reason in reasons) == sum(len(file.broken) for file in spoiled)
        assert None not in {reason.code for reason in reasons}
