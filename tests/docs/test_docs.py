"""The pages of the documentation say what is so: generated parts, examples, names and links."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tomllib
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest

from dashboard.filters.parse import KEYS
from dashboard.labels import ERROR_LABELS
from dashboard.pages.navigation import shown_navigation
from dashboard.scope import WHOLE
from metrics.events import OUTCOMES, RUN_OUTCOMES
from metrics.importing.mapping import parse_mapping
from metrics.stats.cost_index import Totals, cost_index
from milepost.cli import main
from poc.config.partner import Feed, Partner
from poc.config.workspace import WorkspaceSettings
from poc.contract.contract import load_contract
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.sender import RequestSender, TransferStats
from poc.formats.registry import make_reader
from poc.parity.dispositions import Dispositions
from poc.pipeline.capabilities import LINE
from poc.transports.http import HttpEndpoint, new_session
from roadmap.plan.loader import load_plan

ROOT = Path(__file__).parents[2]
PAGES = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}
FENCE = re.compile(r"^(?:<!-- (?P<note>[^>\n]*) -->\n)?```(?P<kind>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

#: Ports of the practice partner in a new workspace and of the capture proxy; examples get free ones.
PARTNER_PORT, CAPTURE_PORT = "8766", "8780"

#: Seconds after which a command that does nothing has failed; far more than any needs.
PATIENCE_S = 120


@dataclass(frozen=True)
class Example:
    """One fenced block of a page, with the comment above it."""

    note: str
    kind: str
    text: str


def examples(page):
    """The fenced blocks of a page, in order."""
    return [Example(match["note"] or "", match["kind"], match["text"]) for match in FENCE.finditer(PAGES[page])]


def pages_with(*kinds):
    """The pages that have blocks of these kinds."""
    return [page for page in PAGES if any(example.kind in kinds for example in examples(page))]


def test_the_generated_parts_are_those_of_the_program():
    """Each table that is made from the program is up to date; `python -m docs.generator` writes them anew."""
    command = [sys.executable, "-m", "docs.generator", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run `python -m docs.generator`"


def test_no_block_is_of_a_kind_that_nothing_tries():
    """Examples are shell, TOML or JSON, each tried by a test; others are output, page lists and whole files."""
    kinds = {example.kind for page in PAGES for example in examples(page)}
    assert kinds <= {"sh", "toml", "json", "xml", "text", "{toctree}", "{literalinclude}"}


@pytest.mark.parametrize("page", pages_with("sh"))
def test_the_commands_of_a_page_run(page, tmp_path):
    """The shell examples of a page, one after the other in an empty folder, do what the page says they do.

    A comment above a block names an exit code other than 0, or says that it runs in the background, until a block that
    ends it or the end of the page. A block of text after a command is a part of what the command prints.
    """
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as free,
        closing(socket.create_server(("127.0.0.1", 0))) as more,
    ):
        port, capture_port = str(free.getsockname()[1]), str(more.getsockname()[1])
    printed = ""
    running = []
    try:
        for shown in examples(page):
            example = replace(shown, text=shown.text.replace(CAPTURE_PORT, capture_port))
            if example.kind == "text":
                assert example.text in printed
            if example.kind != "sh":
                continue
            if example.note == "runs in the background":
                running.append(start(example, tmp_path))
                continue
            if example.note == "ends what runs in the background":
                interrupt(running)
                continue
            expected = re.fullmatch(r"(?:ends with exit code (\d+))?", example.note)
            assert expected, example.note
            done = subprocess.run(**shell(example), cwd=tmp_path, timeout=PATIENCE_S, check=False)
            printed = done.stdout
            assert done.returncode == int(expected[1] or 0), f"{example.text}{printed}"
            use_port(tmp_path, port)
        interrupt(running)
    finally:
        for process in running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()


def shell(example):
    """The arguments that run an example in a shell, with our command on the PATH and no port of this machine taken."""
    script = re.sub(r"^(milepost .*\bserve)$", r"\1 --port 0", example.text, flags=re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "args": ["bash", "-euc", script], "env": {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}, "text": True,
        "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT,
    }  # fmt: skip


def start(example, folder):
    """Start an example that runs until Ctrl-C; it has begun once it says so."""
    process = subprocess.Popen(**shell(example), cwd=folder, start_new_session=True)
    ready, *_ = select.select([process.stdout], [], [], PATIENCE_S)
    assert ready, example.text
    assert "http://127.0.0.1:" in process.stdout.readline()
    return process


def interrupt(processes):
    """End the running examples by Ctrl-C, and take them off the list."""
    while processes:
        process = processes.pop()
        assert process.poll() is None, process.stdout.read()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) in {0, 130}
        process.stdout.close()


def use_port(folder, port):
    """Give the practice partner of a new workspace a free port, and let the file in its inbox be an old one."""
    for path in folder.glob("*/partners/*.toml"):
        path.write_text(path.read_text("utf-8").replace(PARTNER_PORT, port), "utf-8")
    for path in folder.glob("*/var/inbox/*/*/*"):
        os.utime(path, (0, 0))


@pytest.mark.parametrize("page", pages_with("toml", "json"))
def test_the_files_of_a_page_are_in_order(page, tmp_path):
    """Each TOML example goes through the strict loader of the file that it is, and each JSON example can be read."""
    for example in examples(page):
        if example.kind == "json":
            json.loads(example.text)
        if example.kind != "toml":
            continue
        path = tmp_path / "example.toml"
        path.write_text(example.text, "utf-8")
        tables = tomllib.loads(example.text)
        if "milestone" in tables:
            assert load_plan(path, block_days=1).milestones
        elif "disposition" in tables:
            assert Dispositions.model_validate(tables).disposition
        elif "endpoint" in tables:
            assert Partner.model_validate(tables).feed
        elif "feed" in tables:
            assert [Feed.model_validate(feed).map for feed in tables["feed"].values()]
        elif "import" in tables:
            assert parse_mapping(tables["import"], page).columns
        else:
            assert WorkspaceSettings.model_validate(tables).name


@pytest.mark.parametrize("page", pages_with("xml"))
def test_xml_of_a_page_is_read_by_the_feed_above_it(page, tmp_path):
    """Each field of the feed's map and paths has a value in the example."""
    for before, example in pairwise(examples(page)):
        if example.kind == "xml":
            (settings,) = tomllib.loads(before.text)["feed"].values()
            feed = Feed.model_validate(settings)
            fields = {name: None for field in feed.map for name in field.sources} | settings["xml"]["paths"]
            schema = tmp_path / "schema.json"
            schema.write_text(json.dumps({"fields": [{"name": name, "type": "string"} for name in fields]}))
            (batch,) = make_reader(feed, load_contract(schema)).read(io.BytesIO(example.text.encode()))
            assert None not in batch.rows.row(0)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_is_there(page):
    """`milepost ...` in a text names a command with options that it has, and `make ...` a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make (\w+)", PAGES[page]):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for line in re.findall(r"`milepost ([^`]+)`", PAGES[page].replace("\n", " ")):
        command, context = main, click.Context(main)
        words = iter(re.sub(r"^-w \S+ ", "", line).split())
        for word in words:
            if word.startswith("--"):
                options = {name: option for option in command.params for name in option.opts}
                assert word in options.keys() | {"--help", "--version"}, line
                if word in options and not options[word].is_flag:
                    next(words, None)  # its value
            elif isinstance(command, click.Group) and (found := command.get_command(context, word)):
                command = found
            else:
                assert word[:1] in "[." or word.isupper() or not isinstance(command, click.Group), line


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page):
    """A page that says how something is tested names files of this tree."""
    assert [name for name in re.findall(r"`(tests/[^`]+)`", PAGES[page]) if not (ROOT / name).is_file()] == []


def column(page, heading):
    """The code in the first column of the first table below a heading."""
    below = PAGES[page].split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)[0]
    return [name for line in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_the_lists_that_are_written_by_hand_are_complete():
    """Keys of addresses, capabilities and outcomes are those of the program, in words that people wrote."""
    assert column("docs/reference/http.md", "## Keys that select runs") == list(KEYS)
    assert set(column("docs/explanation/levels.md", "## Capabilities")) == {capability.name for capability in LINE}
    shown = re.findall(r"^\| ([^|`]+) \| [a-z]", PAGES["docs/how-to/read-the-dashboard.md"], re.MULTILINE)
    assert [name for name in shown if name != "page"] == [
        *(label for _, label in shown_navigation(has_service=True, has_routes=True, scope=WHOLE)), "Report",
    ]  # fmt: skip
    (outcome,) = re.findall(r"## Outcome\n(.+)\n", PAGES["docs/glossary.md"])
    rows, runs = outcome.split("How a run ends")
    assert set(re.findall(r"`(\w+)`", rows)) == set(OUTCOMES)
    assert set(re.findall(r"`(\w+)`", runs)) == set(RUN_OUTCOMES)


def test_the_contract_for_partners_lists_the_headers_of_a_request(scripted):
    """The table has each header that a request carries, in their order, and no other."""
    server = scripted([scripted.READ, b"HTTP/1.1 204 No Content\r\n\r\n"])
    with new_session() as session:
        endpoint = HttpEndpoint(session, server.url, 5.0, {}, "application/jsonl")
        sender = RequestSender(endpoint, "4d2a", "a.csv", lambda: 0, TransferStats())
        sender.send(OutboundRequest("0", 1, b"{}\n"), keyed=True)
    head = server.requests[0].partition(b"\r\n\r\n")[0].decode()
    sent = [line.partition(":")[0] for line in head.split("\r\n")[1:]]
    assert column("docs/reference/http-contract.md", "### Headers") == sent


def test_every_exit_code_is_explained():
    """The table of exit codes has each code that an error or the gate ends with, those of signals, and no other."""
    page = PAGES["docs/reference/exit-codes.md"]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \| [a-z`]", page.split("## ")[0], re.MULTILINE)}
    raised = {int(code) for code in re.findall(r"^\| (\d+) \|", page.split("## ", 1)[1], re.MULTILINE)}
    assert listed == raised | {128 + signal.SIGINT, 128 + signal.SIGTERM}


def test_the_example_of_a_changing_mix_is_right():
    """Files and seconds of the table give its averages, the plain share, and the index that the page names."""
    page = PAGES["docs/explanation/how-we-measure.md"]
    rows = re.findall(r"^\| (?:small|large) files \| (.+) \|$", page, re.MULTILINE)
    control_files, control_s, subject_files, subject_s = np.array([row.split(" | ") for row in rows], dtype=float).T
    control, subject = (
        Totals(busy_s=(files * seconds)[:, None], held=files[:, None], known=np.ones((2, 1), dtype=bool))
        for files, seconds in ((control_files, control_s), (subject_files, subject_s))
    )
    averages = [side.busy_s.sum() / side.held.sum() for side in (control, subject)]
    assert f"| average | | {averages[0]:g} | | {averages[1]:g} |" in page
    assert f"“{100 * (1 - averages[1] / averages[0]):.0f}% faster”" in page
    index = cost_index(subject, control, control.busy_s[:, 0])
    assert f"the index is {index.index:.2f}:" in page


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_the_links_of_the_repositorys_pages_lead_somewhere(name):
    """Each link to a file of the repository names one; links between the pages are checked by `make docs`."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / name).read_text("utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_page_of_what_goes_wrong_has_each_code():
    """Every code of a finding or a failure stands on the page that says what to do; messages are quoted as they are."""
    page = PAGES["docs/how-to/when-something-goes-wrong.md"]
    assert set(ERROR_LABELS) <= set(re.findall(r"`([a-z -]+)`", page))
    rows = re.findall(r"^\| (`.+?) \|", page.split("## Commands")[1], re.MULTILINE)
    parts = [part.strip() for row in rows for text in re.findall("`(.+?)`", row) for part in text.split("...")]
    program = "".join(path.read_text("utf-8") for room in ("poc", "milepost") for path in (ROOT / room).rglob("*.py"))
    assert [part for part in parts if part not in program] == []


def test_the_page_of_the_first_steps_and_the_readme_of_a_workspace_are_one():
    """The commands that `milepost init` leaves in a README are those of the page, within the folder."""
    readme = (ROOT / "poc" / "config" / "sample" / "README.md").read_text("utf-8")
    steps = [line.split(" #")[0] for match in FENCE.finditer(readme) for line in match["text"].splitlines()]
    page = (
        "".join(example.text for example in examples("docs/start/index.md"))
        .replace("-w shop ", "")
        .replace("shop/", "")
    )
    assert [line for line in steps if line.removesuffix(" &") not in page.splitlines()] == []
