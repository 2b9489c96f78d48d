"""The workspace of the demo: three partners, their keys, and one contract."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from milepost.connect_demo.samples import CONTRACT
from milepost.connect_demo.sftp_server import USER, write_secret
from milepost.errors import CommandError
from poc.config.scaffold import create_workspace

if TYPE_CHECKING:
    from pathlib import Path

#: The partners: id to name, and how each sends its files.
PARTNERS = {"NORTH": "North Ltd", "WEST": "West GmbH", "EAST": "East Inc"}
WAYS = {"NORTH": "CSV by SFTP", "WEST": "Excel in the inbox", "EAST": "JSON by HTTP"}

FEED = "orders"

#: What all partner files have in common. Receipts are signed by a key of the partner.
HEAD = """\
schema = 1
id = "{id}"
name = "{name}"

[receipts]
keys = ["${{file:secrets/{id}.receipts}}"]
"""

FIELDS = """\
settle_s = 0
map = [
  { to = "order_no", from = "order" },
  { to = "customer", from = "customer" },
  { to = "total", from = "amount" },
  { to = "date", from = "day" },
]
"""

SIGN_IN = """\
user = "{user}"
key = "${{file:secrets/NORTH.key}}"
known_hosts = "secrets/NORTH.known_hosts"
"""

NORTH = """
[endpoint]  # files are delivered to its server, too
url = "{url}/in"
{sign_in}
[feed.orders]
contract = "orders.schema.json"
files = "*.csv"
{fields}
[feed.orders.pickup]
url = "{url}/out"
{sign_in}every = "1s"
settled = "1s"
after = "move:done/"
"""

WEST = """
[endpoint]
folder = "out/WEST"

[feed.orders]
contract = "orders.schema.json"
files = "*.xlsx"
format = "xlsx"
{fields}"""

EAST = """
[intake]  # it signs what it sends to POST /in/EAST/orders
keys = ["${{file:secrets/EAST.intake}}"]

[endpoint]
folder = "out/EAST"

[feed.orders]
contract = "orders.schema.json"
files = "*.json"
format = "json"
{fields}"""


def make_workspace(root: Path) -> None:
    """Create the workspace without its partners. Raises BadInput, CommandError."""
    from roadmap.plan.template import live_template

    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise CommandError(f"{root}: is not empty; the demo begins with a new folder, name one with --dir")
    create_workspace(root, root.resolve().name, "live", {}, live_template(datetime.now(UTC).date()))
    (root / "contracts" / "orders.schema.json").write_text(json.dumps(CONTRACT, indent=2) + "\n", "utf-8")
    for folder in ("partners", "out/WEST", "out/EAST"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "secrets").mkdir(mode=0o700)
    for name in (*(f"{partner}.receipts" for partner in PARTNERS), "EAST.intake"):
        write_secret(root / "secrets" / name, f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}".encode())


def write_partners(root: Path, sftp_url: str) -> None:
    """Write the files of the partners, once the address of the SFTP server is known."""
    sign_in = SIGN_IN.format(user=USER)
    for partner, text in (("NORTH", NORTH), ("WEST", WEST), ("EAST", EAST)):
        body = text.format(url=sftp_url, sign_in=sign_in, fields=FIELDS)
        head = HEAD.format(id=partner, name=PARTNERS[partner])
        (root / "partners" / f"{partner}.toml").write_text(head + body, "utf-8")
        (root / "var" / "inbox" / partner / FEED).mkdir(parents=True, exist_ok=True)
