"""Log lines as text and JSON, and the file that they go to."""

import errno
import io
import json
import logging
import re
import stat

import pytest

from poc.errors import BadInput
from poc.logs.formatters import with_fields
from poc.logs.logger import close_logger, make_logger

FIELDS = with_fields(event="exchange", partner="AA", rows={"in": 3})


def test_json_is_one_object_a_line(tmp_path):
    """Time in UTC, level, event, fields and message; a line break in a message does not break the line."""
    logger = make_logger("json", "info", tmp_path / "log")
    logger.error("a\nb \x1b[31m", extra=FIELDS)
    close_logger(logger)
    (line,) = (tmp_path / "log").read_text().splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("ts"))
    assert found == {
        "level": "error", "event": "exchange", "partner": "AA", "rows": {"in": 3}, "message": "a\nb \x1b[31m"
    }  # fmt: skip


def test_text_is_harmless_in_a_terminal(tmp_path):
    """Time, level, event and message, with control characters escaped; lines below the level are left out."""
    logger = make_logger("text", "warning", tmp_path / "log")
    logger.info("left out", extra=FIELDS)
    logger.warning("a\nb \x1b[31m", extra=FIELDS)
    close_logger(logger)
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.split(" ", 1)[1] == r"WARNING exchange a\nb \x1b[31m"


def test_a_log_file_rotates_and_is_private(tmp_path):
    """It is renamed before it grows past its limit, so many are kept, and only the owner may read them."""
    logger = make_logger("text", "info", tmp_path / "log", rotate_bytes=200, kept_files=2)
    for number in range(20):
        logger.info("line %d", number)
    close_logger(logger)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["log", "log.1", "log.2"]
    assert all(path.stat().st_size <= 200 for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


class FullDisk(io.StringIO):
    """A file on a disk that is full."""

    def write(self, text):
        """Raise what the system raises."""
        raise OSError(errno.ENOSPC, f"No space for {len(text)} characters")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    """A full disk costs lines, and is said once; a file that cannot be opened at the start is an error."""
    logger = make_logger("text", "info", tmp_path / "log")
    (handler,) = logger.handlers
    handler.stream.close()
    handler.stream = FullDisk()
    logger.info("one")
    logger.info("two")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"milepost: {tmp_path / 'log'}: cannot be written: [Errno 28] No space for")
    close_logger(logger)
    with pytest.raises(BadInput, match="the log cannot be written there"):
        make_logger("text", "info", tmp_path / "no" / "log")


def test_no_logger_is_global(tmp_path):
    """What other libraries log does not reach the file, and the program leaves no logger behind."""
    logger = make_logger("text", "debug", tmp_path / "log")
    logging.getLogger("milepost").error("elsewhere")
    close_logger(logger)
    assert (tmp_path / "log").read_text() == ""
