"""A milestone's change of status reaches people without anybody looking."""

import json
from contextlib import closing
from datetime import date

from click.testing import CliRunner
from standardwebhooks import Webhook

from metrics.store.database import open_store
from milepost.cli import main
from milepost.milestone_statuses import read_statuses
from roadmap.plan.template import live_template


def run(root, *arguments):
    """Run a command in a workspace."""
    done = CliRunner().invoke(main, ["-w", str(root), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.output


def test_a_stalled_milestone_is_told_once(tmp_path, webhook, receiver):
    """A run tells what a judgement has recorded, with the reason and the command that shows more."""
    root = tmp_path / "w"
    run(root, "init", str(root))
    (root / "milestones.toml").write_text(live_template(date(2025, 1, 1)))
    with (root / "milepost.toml").open("a") as file:
        file.write(f'\n[[notify]]\n{webhook}\nkinds = ["milestone_status"]\n')
    for path in (root / "var/inbox").rglob("*.csv"):
        path.unlink()
    open_store(root / "var" / "metrics-live.db", "live").close()
    run(root, "run")
    assert receiver.requests == []
    run(root, "roadmap", "status")
    run(root, "run")
    run(root, "run")
    got = [Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").verify(body, head) for head, body in receiver.requests]
    assert {one["type"] for one in got} == {"milepost.changed"}
    by_code = {one["data"]["subject"]: one["data"] for one in got}
    assert len(by_code) == len(got) > 0
    first = by_code["M1"]
    assert first["title"] in {"[w] M1 is missed", "[w] M1 is stalled"}
    assert "Next: milepost roadmap show M1" in first["body"]


def test_the_newest_status_counts_and_only_of_milestones_in_the_plan(tmp_path):
    """Without a database there is none; an evaluation of an earlier day is not the newest, whenever it was recorded."""
    plan = tmp_path / "milestones.toml"
    plan.write_text(live_template(date(2026, 1, 1)))
    store = tmp_path / "metrics-live.db"
    assert read_statuses(store, plan, "live") == []
    with closing(open_store(store, "live")) as db:
        for code, day, status in (("M1", "2026-02-02", "stalled"), ("M1", "2026-02-01", "on_track"), ("X9", "", "")):
            db.table("evaluation").insert({
                "code": code, "revision": 1, "subject": "service@1", "as_of": day, "status": status, "series": "",
                "verdict": json.dumps({"code": code, "title": "Receive", "status": status, "reasons": ["no run yet"]}),
                "evidence_sha256": f"{code}{day}", "recorded_at_us": 0,
            })  # fmt: skip
    (report,) = read_statuses(store, plan, "live")
    assert (report.subject, report.status, report.severity) == ("M1", "stalled", "critical")
    assert report.summary == "M1 Receive: no run yet"
