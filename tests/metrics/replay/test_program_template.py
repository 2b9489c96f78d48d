"""Programs forked from a template: each is a process of its own, on its own input and output."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from metrics.errors import SubjectFailed
from metrics.replay.program_template import CAN_FORK, FIRST_IMPORTS, ProgramTemplates
from metrics.replay.subject_process import SubjectProcess, subject_command
from poc.config.scaffold import AIRLINES, create_workspace

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="programs are forked in Linux only")


def test_forked_services_are_independent(tmp_path):
    """Both are ready and children of one template; one is killed, and the other still answers."""
    create_workspace(tmp_path / "w", "w", "replay", {"AA": AIRLINES["AA"]}, "")
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    with closing(ProgramTemplates()) as templates:
        services = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            command = [sys.executable, "-m", "poc.service.line_protocol", "--level", "4", "--workspace"]
            command += [str(tmp_path / "w"), "--state", str(tmp_path / name), "--endpoint", "http://127.0.0.1:9"]
            services.append(SubjectProcess(command, templates))
        one, two = services
        assert [service.ready["ready"] for service in services] == ["service@4", "service@4"]
        assert parent_of(one.pid) == parent_of(two.pid) != os.getpid()
        assert one.receive_or_kill(lambda: True) is None
        two.send({"check": str(tmp_path / "in.csv"), "partner": "AA", "feed": "flights"})
        assert "error" in two.receive()
        one.end()
        two.end()
    assert (tmp_path / "two" / "ledger.db").stat().st_mode & 0o077 == 0


def test_a_program_that_does_not_start_is_an_error():
    """Its own message is on stderr, and the template goes on."""
    with closing(ProgramTemplates()) as templates:
        for _ in range(2):
            with pytest.raises(SubjectFailed, match=r"no answer: it ended"):
                SubjectProcess([sys.executable, "-m", "poc.service.line_protocol", "--level", "99"], templates)


@pytest.mark.parametrize("label", ["monolith", "service@4"])
def test_a_judged_program_that_is_forked_has_the_threads_of_one_started_anew(tmp_path, label):
    """Its template has imported only what starts no thread; the program itself is the same."""
    create_workspace(tmp_path / "w", "w", "replay", {"AA": AIRLINES["AA"]}, "")
    command = [*subject_command(label), "--workspace", str(tmp_path / "w"), "--endpoint", "http://127.0.0.1:9"]
    with closing(ProgramTemplates(FIRST_IMPORTS)) as templates:
        forked = SubjectProcess([*command, "--state", str(tmp_path / "forked")], templates)
        anew = SubjectProcess([*command, "--state", str(tmp_path / "anew")])
        assert forked.ready == anew.ready
        assert parent_of(forked.pid) != parent_of(anew.pid) == os.getpid()
        assert threads_of(forked.pid) == threads_of(anew.pid)
        forked.end()
        anew.end()


def test_a_template_that_has_threads_forks_no_judged_program(tmp_path):
    """A fork would lack them, and its times would not be those of a program in production."""
    with (
        closing(ProgramTemplates({"poc.monolith": ("polars",)})) as templates,
        pytest.raises(SubjectFailed, match=r"its template"),
    ):
        SubjectProcess([*subject_command("monolith"), "--state", str(tmp_path)], templates)


def threads_of(pid):
    """Return the names of a process's threads, without those named after the interpreter."""
    names = {task.joinpath("comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}
    return {name for name in names if not name.startswith("python")}


def parent_of(pid):
    """Return the id of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
