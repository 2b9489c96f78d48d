"""Print an HTML page as PDF by an installed Chromium or Chrome, which prints the page exactly as it shows it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The variable that names the program, where it has another name or is not on the search path.
VARIABLE = "MILEPOST_BROWSER"

#: Names under which systems install it.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")

#: Seconds after which the program is ended.
TIMEOUT_S = 120.0

NO_BROWSER = (
    "a PDF needs Chromium or Chrome, and none of its programs was found ({}); install the package `chromium` of your "
    f"system, or name the program in {VARIABLE}; the report as HTML needs none"
)


def find_browser(environ: Mapping[str, str]) -> str:
    """Return the path of the program that prints.

    Raises:
        Refused: there is none; the message says what to install.
    """
    if named := environ.get(VARIABLE):
        found = shutil.which(named, path=environ.get("PATH"))
        if found is None:
            raise Refused(f"{VARIABLE} is {named!r}, which is no program that can be run; name Chromium or Chrome")
        return found
    for name in PROGRAMS:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    raise Refused(NO_BROWSER.format(", ".join(PROGRAMS)))


def print_pdf(html: str, environ: Mapping[str, str]) -> bytes:
    """Return an HTML text, which loads nothing, as PDF; its style sheet says the size of the paper.

    Raises:
        Refused: there is no program that prints, or it did not.
    """
    program = find_browser(environ)
    with tempfile.TemporaryDirectory(prefix="milepost-pdf-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(html, encoding="utf-8")
        options = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
        options += ["--disable-component-update", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # its sandbox refuses to run as root; the page is our own, without scripts
        command = [program, *options, f"--print-to-pdf={printed}", page.as_uri()]
        problem = _run(command, environ)
        if not printed.is_file():
            raise Refused(f"{program} printed no PDF: {problem or 'it said nothing'}")
        return printed.read_bytes()


def _run(command: list[str], environ: Mapping[str, str]) -> str:
    """Run a program and all that it starts, for at most `TIMEOUT_S`; return the last line that it said of an error."""
    with subprocess.Popen(  # noqa: S603 (a list of arguments, no shell)
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(environ), start_new_session=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"it did not end within {TIMEOUT_S:.0f} s"
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
