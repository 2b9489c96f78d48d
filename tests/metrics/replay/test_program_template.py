"""Programs forked from a template: each is a process of its own, on its own input and output."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from metrics.errors import SubjectFailed
from metrics.replay.program_template import CAN_FORK, ProgramTemplates
from metrics.replay.subject_process import SubjectProcess
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


def parent_of(pid):
    """Return the id of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
