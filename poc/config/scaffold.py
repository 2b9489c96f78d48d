"""Create a new workspace, ready to run: settings, partners, the flights contract, and a sample file in the inbox."""

from __future__ import annotations

import os
from importlib import resources
from typing import TYPE_CHECKING

from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The airlines of the flights data set: code to name.
AIRLINES = {
    "9E": "Endeavor Air Inc.",
    "AA": "American Airlines Inc.",
    "AS": "Alaska Airlines Inc.",
    "B6": "JetBlue Airways",
    "DL": "Delta Air Lines Inc.",
    "EV": "ExpressJet Airlines Inc.",
    "F9": "Frontier Airlines Inc.",
    "FL": "AirTran Airways Corporation",
    "HA": "Hawaiian Airlines Inc.",
    "MQ": "Envoy Air",
    "OO": "SkyWest Airlines Inc.",
    "UA": "United Air Lines Inc.",
    "US": "US Airways Inc.",
    "VX": "Virgin America",
    "WN": "Southwest Airlines Co.",
    "YV": "Mesa Airlines Inc.",
}

#: Files for the first steps, which a new workspace has in `samples/`.
SAMPLES = ("one-bad-row.csv", "next-day.csv")

#: The default port of the practice partner.
PARTNER_PORT = 8766

#: What a workspace in production adds. Keys with a dot, so that other keys can be added after them.
KEEP = """
# What is settled is removed when it is older (`milepost tidy`); what is owed is always kept.
keep.archive = "90d"     # files whose exchange has ended
keep.refused = "90d"     # refused files that a mended one has replaced, or that were discarded
keep.quarantine = "90d"  # rows that were replayed or discarded
keep.spool = "30d"       # damaged lines
keep.capture = "30d"     # requests of a monolith that is replaced
"""

#: How to name who is told, as a comment; after all keys, because a table ends with the next one.
NOTIFY = """
# Who is told when a problem begins and when it is over, by e-mail, chat or webhook. `milepost notify test` tries it.
# [[notify]]
# name = "ops"
# to = "${env:OPS_URL}"  # an Apprise URL, such as mailto://...; it is a secret, so only its name stands here
"""

SETTINGS = """\
# This folder is a Milepost workspace. `milepost validate` explains what is wrong with it.
schema = 1
name = "{name}"
clock = "{clock}"  # "live": the wall clock; "replay": a replayed calendar, never judged by the wall clock
"""

PARTNER = """\
# One partner: where it receives deliveries, and its feeds.
schema = 1
id = "{id}"
name = "{name}"

[endpoint]
url = "http://127.0.0.1:{port}/live/{id}"  # the feed's name is appended
timeout_s = 2.0
honours_keys = true  # it treats an Idempotency-Key it has seen as done; false: you resolve requests without an answer
{span}
[feed.flights]
contract = "flights.schema.json"  # a Table Schema file in contracts/
files = "*.csv"                   # what counts as a file of this feed in var/inbox/{id}/flights/
format = "csv"
request_rows = 500
settle_s = 2.0                    # a file that changed less than this ago is still being written
on_suspect_encoding = "quarantine"  # rows that look like UTF-8, where the dialect says cp1252 or the like

# What the partner receives, in its own names and units.
map = [
  {{ to = "flight", join = ["carrier", "flight"] }},
  {{ to = "tail", from = "tailnum" }},
  {{ to = "from", from = "origin" }},
  {{ to = "to", from = "dest" }},
  {{ to = "scheduled", from = "time_hour", plus_minutes = "minute" }},
  {{ to = "departure_delay_min", from = "dep_delay" }},
  {{ to = "arrival_delay_min", from = "arr_delay" }},
  {{ to = "distance_km", from = "distance", times = 1.609344, decimals = 3 }},
]
"""

#: What a workspace of a replay adds, whose partner is always the practice partner.
SPAN = "span_files = true    # one request may hold the rows of several small files\n"


def create_workspace(root: Path, name: str, clock: str, airlines: Mapping[str, str], milestones: str) -> None:
    """Write a workspace into a new or empty folder.

    Args:
        root: the folder; created if it is missing.
        name: the workspace's name for people.
        clock: `live` or `replay`.
        airlines: the first partners, id to name.
        milestones: text of `milestones.toml`.

    Raises:
        BadInput: the folder is a workspace already, contains something else, or cannot be written.
    """
    if (root / "milepost.toml").exists():
        raise BadInput(f"{root}: is a workspace already; nothing was changed")
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root}: is a file; choose a new or empty folder")
    if root.exists() and any(root.iterdir()):
        raise BadInput(f"{root}: is not empty and not a workspace; choose a new or empty folder")
    sample = resources.files("poc.config") / "sample"
    files = {
        "contracts/flights.schema.json": (sample / "flights.schema.json").read_text("utf-8"),
        "milestones.toml": milestones,
        **{
            f"partners/{key}.toml": PARTNER.format(
                id=key, name=title, port=PARTNER_PORT, span=SPAN if clock == "replay" else ""
            )
            for key, title in airlines.items()
        },
        # last, because this file makes the folder a workspace
        "milepost.toml": SETTINGS.format(name=name, clock=clock) + (KEEP + NOTIFY if clock == "live" else ""),
    }
    try:
        for place, text in files.items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        (root / "var").mkdir(mode=0o700)  # it will hold partners' data
        for key in airlines:
            (root / "var" / "inbox" / key / "flights").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{error.filename or root}: cannot be written: {os.strerror(error.errno or 0)}") from error


def put_samples(root: Path) -> Path:
    """Write a README and sample files into a new workspace, and return the one that waits in an inbox.

    The inbox gets twelve flights of American Airlines as a partner would hand them in: as a `.part` file, then renamed.
    """
    sample = resources.files("poc.config") / "sample"
    target = root / "var" / "inbox" / "AA" / "flights" / "sample.csv"
    (root / "samples").mkdir()
    (root / "README.md").write_bytes((sample / "README.md").read_bytes())
    for name in SAMPLES:
        (root / "samples" / name).write_bytes((sample / name).read_bytes())
    part = target.with_name("sample.csv.part")
    part.write_bytes((sample / "sample.csv").read_bytes())
    return part.rename(target)
