"""Files that a command converts: its output is read, and its failure refuses the file."""

import gzip
import io
import os
import signal
import sys

import pytest

from poc.errors import ContractBreach
from poc.formats.registry import make_reader


def program(text):
    """A command that runs a program in Python."""
    return [sys.executable, "-c", text, "{file}"]


UPPER = program("import sys; sys.stdout.write(open(sys.argv[1]).read().replace(';', ','))")


def test_the_output_of_the_command_is_read(read):
    """Also of a compressed file; it gets nothing of the environment that may be a secret."""
    assert read("a;b\nx;1\n", convert=UPPER)[0] == [(1, "x", "1")]
    assert read(gzip.compress(b"a;b\nx;1\n"), convert=UPPER, compression="gzip")[0] == [(1, "x", "1")]
    names = program("import os; print('a,b'); print(','.join(['x', '+'.join(sorted(set(os.environ) - {'LC_CTYPE'}))]))")
    ((_, _, variables),) = read("", convert=names)[0]
    assert set(variables.split("+")) <= {"PATH", "HOME", "LANG", "TZ"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (program("import sys; print('a,b'); print('one', file=sys.stderr); sys.exit('bad page 3')"), "1: bad page 3$"),
        (program("import sys; sys.exit(4)"), "ended with status 4: it wrote no reason"),
        (program("print('x' * 5000)"), "wrote more than 1000 bytes"),
        (["/no/such/command"], "cannot be started: No such file"),
    ],
)
def test_a_failure_refuses_the_file(make_feed, expected, command, message):
    """With the last line of the error output; its rows are not counted by converting it again."""
    reader = make_reader(make_feed(convert=command, max_size_bytes=1000), expected())
    source = io.BytesIO(b"x")
    with pytest.raises(ContractBreach, match=message) as refused:
        list(reader.read(source))
    assert refused.value.code == "conversion-error"
    with pytest.raises(ContractBreach) as again:
        list(reader.rows(source))
    assert again.value is refused.value


def test_a_command_that_takes_too_long_is_ended(make_feed, expected):
    """With all that it has started."""
    hang = program("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])")
    reader = make_reader(make_feed(convert=hang, convert_timeout_s=0.5), expected())
    with pytest.raises(ContractBreach, match=r"took longer than 0\.5 s"):
        list(reader.read(io.BytesIO(b"")))


def test_what_the_command_leaves_behind_cannot_hold_up_the_service(make_feed, expected, tmp_path):
    """A process in a session of its own that keeps the output open is not waited for longer than the timeout."""
    pid_file = tmp_path / "pid"
    text = f"""
import os, time
if not os.fork():
    os.setsid()
    open({str(pid_file)!r}, "w").write(str(os.getpid()))
    time.sleep(600)
print("a,b")
"""
    reader = make_reader(make_feed(convert=program(text), convert_timeout_s=3), expected())
    try:
        with pytest.raises(ContractBreach, match="took longer than 3 s"):
            list(reader.read(io.BytesIO(b"")))
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_a_command_cannot_fill_the_disk(make_feed, expected):
    """No file that it writes is larger than `max_size_bytes`, its error output among them."""
    text = "import sys; print('a,b'); sys.stdout.flush()\nwhile True: sys.stderr.write('x' * 65536)"
    reader = make_reader(make_feed(convert=program(text), max_size_bytes=1 << 20, convert_timeout_s=60), expected())
    with pytest.raises(ContractBreach, match="ended with status"):
        list(reader.read(io.BytesIO(b"")))
