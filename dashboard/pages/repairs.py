"""`/repairs`: files with quarantined rows; `/repairs/EXCHANGE`: their rows, to correct, send or give up."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, render_template

from dashboard.actions.forms import repair_forms
from dashboard.pages.request import message_page, settings
from dashboard.repairs import NotReadable
from metrics.terminal import escape_for_page

blueprint = Blueprint("repairs", __name__)

#: The most rows of an exchange on its page.
MAX_ROWS = 50


@blueprint.get("/repairs")
def page() -> str | tuple[str, int]:
    """List the files that have rows in quarantine."""
    list_held = settings().list_held
    if list_held is None:
        abort(404)
    try:
        return render_template("repairs.html", exchanges=list_held())
    except NotReadable as error:
        return message_page("Quarantined rows cannot be read", [str(error)]), 503


@blueprint.get("/repairs/<exchange>")
def detail(exchange: str) -> Response | tuple[str, int]:
    """Show the first held rows of an exchange in a form; no browser keeps the page, as it has partners' values."""
    read_held = settings().read_held
    if read_held is None:
        abort(404)
    try:
        held = read_held(exchange, MAX_ROWS)
    except NotReadable as error:
        return message_page("These rows cannot be read", [str(error)]), 404
    # a browser sends back what it was given only if nothing of it had to be escaped
    editable = {row.row for row in held.rows if row.is_text and escape_for_page(row.text) == row.text}
    forms = repair_forms(held.exchange.exchange_id, g.get("visitor"))
    text = render_template("repair.html", held=held, editable=editable, forms=forms, most=MAX_ROWS)
    return Response(text, headers={"Cache-Control": "no-store"})
