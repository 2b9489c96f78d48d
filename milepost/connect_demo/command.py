"""`milepost demo connect`: the places, formats and receipts of partners, shown in less than a minute."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from milepost.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The package of each extra that the demo needs.
EXTRAS = {"sftp": "asyncssh", "excel": "python_calamine"}

#: Seconds that the service may take to end what it does.
END_S = 60.0


@click.command()
@click.option("--no-serve", is_flag=True, help="End when the numbers are printed.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("demo-connect"),
    show_default=True,
    help="The new folder of the demo's workspace.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def connect(no_serve: bool, folder: Path, port: int, as_json: bool) -> None:
    """Exchange files with three partners, as they have them: by SFTP, as Excel, and by HTTP.

    `milepost serve` runs in the demo's workspace. NORTH has an SFTP server, which runs in the demo's own process: files
    are fetched there and delivered there. WEST puts workbooks into the inbox, EAST posts signed requests. Each sends a
    file in order, one with bad rows and one that is refused, and gets a signed receipt for each, which is checked.

    It needs the extras `sftp` and `excel`. Nothing is measured.
    """
    import json

    missing = [extra for extra, package in EXTRAS.items() if find_spec(package) is None]
    if missing:
        names = ",".join(missing)
        raise CommandError(f"the demo needs the extra(s) {names}: pip install 'milepost[{names}]'")
    from metrics.process_end import cleaning_up_on_terminate
    from milepost.connect_demo.outcome import is_right, result_lines

    say: Callable[[str], None] = lambda text: print_line(text, err=as_json)  # noqa: E731 (one argument less each time)
    with cleaning_up_on_terminate(), ExitStack() as resources:
        result, service, address = show(folder, 0 if no_serve else port, resources, say)
        if as_json:
            click.echo(json.dumps({**result, "dashboard": None if no_serve else address}, indent=2))
        else:
            for line in result_lines(result, folder):
                print_line(line)
        if not is_right(result):
            raise CommandError("the demo did not come out as it must; its numbers above say where")
        if not no_serve:
            say(f"Dashboard: {address} (Ctrl-C ends it)")
            sys.exit(wait_for_end(service))


def show(
    folder: Path, port: int, resources: ExitStack, say: Callable[[str], None]
) -> tuple[dict[str, Any], subprocess.Popen[str], str]:
    """Let the partners exchange their files; return what came of it, the running service and its address.

    Raises BadInput, CommandError.
    """
    from datetime import UTC, datetime

    from milepost.connect_demo.outcome import count_outcome
    from milepost.connect_demo.partners import HttpPartner, key_bytes, put_files, read_receipts
    from milepost.connect_demo.samples import sample_files
    from milepost.connect_demo.sftp_server import SftpServer
    from milepost.connect_demo.workspace import FEED, WAYS, make_workspace, write_partners
    from poc.config.workspace import load_workspace

    start_s = time.monotonic()
    make_workspace(folder)
    root = folder.resolve()
    north = root / "north-server"
    for name in ("out", "in"):
        (north / name).mkdir(parents=True)
    server = resources.enter_context(SftpServer(north, root / "secrets", "NORTH"))
    write_partners(root, server.url)
    workspace = load_workspace(root)
    service, address = resources.enter_context(running_service(root, port))
    today = datetime.now(UTC).date()
    files = {
        partner: sample_files(suffix, today) for partner, suffix in zip(WAYS, ("csv", "xlsx", "json"), strict=True)
    }
    keys = {partner: key_bytes(root / "secrets" / f"{partner}.receipts") for partner in WAYS}
    say("NORTH puts its files on its SFTP server, WEST into the inbox, and EAST posts them.")
    put_files(north / "out", files["NORTH"])
    put_files(workspace.inbox("WEST", FEED), files["WEST"])
    east = HttpPartner(address, "EAST", key_bytes(root / "secrets" / "EAST.intake"), keys["EAST"])
    receipts = {
        "EAST": east.exchange(files["EAST"]),
        "WEST": read_receipts(root / "var" / "receipts" / "WEST" / FEED, files["WEST"], keys["WEST"]),
        "NORTH": read_receipts(north / "out" / "receipts", files["NORTH"], keys["NORTH"]),
    }
    delivered = {"NORTH": north / "in", "WEST": root / "out" / "WEST", "EAST": root / "out" / "EAST"}
    result = count_outcome(workspace, files, receipts, delivered)
    return {**result, "seconds": round(time.monotonic() - start_s, 1)}, service, address


@contextmanager
def running_service(root: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `milepost serve`, and yield the process and its address; it is ended after the block."""
    arguments = [sys.executable, "-m", "milepost", "-w", str(root), "serve", "--port", str(port)]
    with (root / "var" / "serve.log").open("wb") as log:
        service = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 (our own)
    try:
        output = service.stdout
        assert output is not None  # noqa: S101 (asked for above; tells the type checker)
        line = output.readline()
        if not line.startswith("Dashboard: "):
            reason = (root / "var" / "serve.log").read_text("utf-8", "replace").strip() or "it has ended"
            raise CommandError(f"`milepost serve` did not start: {reason.splitlines()[-1]}")
        yield service, line.split(" ")[1].rstrip("/")
    finally:
        if service.poll() is None:
            service.terminate()
        try:
            service.wait(END_S)
        except subprocess.TimeoutExpired:
            service.kill()
        service.communicate()


def wait_for_end(service: subprocess.Popen[str]) -> int:
    """Wait until the service ends, or Ctrl-C; return the exit code."""
    try:
        return service.wait()
    except KeyboardInterrupt:
        return 130
