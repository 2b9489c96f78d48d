"""The files of `docs/how-to/service/` are what systemd, cron and containers can use, and start commands that exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from milepost.cli import COMMANDS

SERVICE = Path(__file__).parents[2] / "docs" / "how-to" / "service"
UNITS = sorted(path.name for path in SERVICE.glob("milepost*"))


@pytest.mark.parametrize("name", [*(name for name in UNITS if name.endswith(".service")), "crontab"])
def test_each_command_that_a_file_starts_is_there(name):
    """Units and crontab start `milepost` with a command that it has."""
    commands = re.findall(r"^(?:ExecStart=|[^#=]*\s)\S*\bmilepost (\S+)", (SERVICE / name).read_text(), re.MULTILINE)
    commands += re.findall(r"exec \S*/milepost (\S+)", (SERVICE / name).read_text())
    assert set(commands) <= set(COMMANDS)
    assert commands


def test_containers_and_procfile_start_commands_that_exist():
    """Each process of `Procfile` and `compose.yaml` is one of ours, and no container runs as root."""
    processes = [line.split(": milepost ")[1].split()[0] for line in (SERVICE / "Procfile").read_text().splitlines()]
    services = yaml.safe_load((SERVICE / "compose.yaml").read_text())["services"]
    ours = {name: service["command"][0] for name, service in services.items() if name != "postgres"}
    assert sorted(processes) == sorted(set(ours.values()) - {"migrate"})
    assert {*processes, *ours.values()} <= set(COMMANDS)
    assert {service.get("build", ".") for service in services.values()} == {"."}
    assert "\nUSER 10001\n" in (SERVICE / "Dockerfile").read_text()


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_each_unit(name, tmp_path):
    """No unknown key and no bad value: systemd's own check has nothing to say of them, with our command and user."""
    if shutil.which("systemd-analyze") is None:
        assert "CI" not in os.environ
        pytest.skip("no systemd-analyze on this machine")
    ours = Path(sys.executable).with_name("milepost")
    for unit in UNITS:
        text = (SERVICE / unit).read_text().replace("/opt/milepost/bin/milepost", str(ours))
        (tmp_path / unit).write_text(re.sub("^(User|Group)=milepost$", r"\1=root", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"./{name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
