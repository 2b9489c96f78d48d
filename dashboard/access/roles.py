"""What each role may do, and what each address of the dashboard demands: one table.

What the table does not name is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What may be granted: see the pages without values of rows; see values of rows; act on exchanges and partners; decide
#: on milestones and record money; make links for people without an account; read the metrics as a monitor; hand in run
#: events; hand in files and read their receipts; manage users and tokens.
PERMISSIONS = ("read", "values", "operate", "plan", "share", "monitor", "collect", "intake", "administer")

#: What each role of a person may do.
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "values", "operate"}),
    "pm": frozenset({"read", "plan", "share"}),
    "admin": frozenset({"read", "values", "operate", "plan", "share", "administer"}),
}

#: What each kind of token of a machine may do.
TOKEN_KINDS: Mapping[str, frozenset[str]] = {
    "read": frozenset({"read", "monitor"}),
    "collect": frozenset({"collect"}),
    "operate": frozenset({"read", "monitor", "operate"}),
    "intake": frozenset({"intake"}),
}

#: The roles of people who see every partner; they have no scope.
WHOLE_ROLES = frozenset({"admin"})

#: For everybody: what a browser needs before anybody has signed in, links that were made for people without an account,
#: and the checks of a load balancer.
OPEN = ""

#: The permission to hand in files, and the header of a request that has a signature by a partner's key in its place.
INTAKE, SIGNATURE_HEADER = "intake", "webhook-signature"

#: What each endpoint demands. One that is not named is refused.
DEMANDS: Mapping[str, str] = {
    "access.come_back": OPEN,
    "access.go_to_provider": OPEN,
    "access.sign_in": OPEN,
    "access.sign_out": OPEN,
    "health.live": OPEN,
    "health.ready": OPEN,
    "static": OPEN,
    "acts.arrived": "operate",
    "acts.checkin": "plan",
    "acts.decide": "plan",
    "acts.discard_file": "operate",
    "acts.discard_rows": "operate",
    "acts.give_up": "operate",
    "acts.redeliver": "operate",
    "acts.release": "operate",
    "acts.replay": "operate",
    "acts.resend": "operate",
    "acts.route_advance": "operate",
    "acts.route_back": "operate",
    "acts.route_hold": "operate",
    "acts.route_release": "operate",
    "acts.replan": "plan",
    "acts.review": "plan",
    "acts.spend": "plan",
    "audit.page": "administer",
    "charts.as_csv": "read",
    "charts.as_json": "read",
    "decisions.page": "read",
    "failures.page": "read",
    "home.page": "read",
    "intake.receipt": "intake",
    "intake.receive": "intake",
    "method.page": "read",
    "migration.detail": "read",
    "migration.page": "read",
    "milestones.detail": "read",
    "milestones.page": "read",
    "partners.as_csv": "read",
    "partners.detail": "read",
    "partners.page": "read",
    "quarantine.as_csv": "read",
    "quarantine.as_json": "read",
    "quarantine.page": "read",
    "repairs.detail": "values",
    "repairs.page": "values",
    "report.page": "read",
    "report.style": OPEN,
    "run_downloads.as_csv": "read",
    "run_downloads.as_json": "read",
    "runs.detail": "read",
    "runs.page": "read",
    "search.page": "read",
    "shares.add": "share",
    "shares.page": "share",
    "shares.revoke": "share",
    "shares.show": OPEN,
    "static_files.metrics": "monitor",
    "static_files.plotly_js": OPEN,
    "today.page": "read",
}

#: The endpoints for people whose scope is some partners: what they show and do covers these partners alone. Any other
#: is refused to them.
SCOPED_ENDPOINTS = frozenset(
    {
        "acts.arrived",
        "acts.discard_file",
        "acts.discard_rows",
        "acts.give_up",
        "acts.redeliver",
        "acts.release",
        "acts.replay",
        "acts.resend",
        "acts.route_advance",
        "acts.route_back",
        "acts.route_hold",
        "acts.route_release",
        "charts.as_csv",
        "charts.as_json",
        "failures.page",
        "home.page",
        "intake.receipt",
        "intake.receive",
        "method.page",
        "migration.detail",
        "migration.page",
        "milestones.detail",
        "milestones.page",
        "partners.as_csv",
        "partners.detail",
        "partners.page",
        "quarantine.as_csv",
        "quarantine.as_json",
        "quarantine.page",
        "repairs.detail",
        "repairs.page",
        "report.page",
        "run_downloads.as_csv",
        "run_downloads.as_json",
        "runs.detail",
        "runs.page",
        "search.page",
        "shares.add",
        "shares.page",
        "shares.revoke",
        "static_files.metrics",
        "today.page",
    }
)


def is_for_scopes(endpoint: str) -> bool:
    """Return whether somebody who may see some partners alone may use an endpoint."""
    return endpoint in SCOPED_ENDPOINTS


def demand(endpoint: str | None) -> str | None:
    """Return the permission that an endpoint demands, `OPEN` for none; None where the table does not name it."""
    return DEMANDS.get(endpoint or "")
