"""The report as PDF: one page of A4 with its text, and a clear error where nothing can print it."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from pypdf import PdfReader

from roadmap.errors import Refused
from roadmap.pdf import PROGRAMS, VARIABLE, find_browser, print_pdf

needs_browser = pytest.mark.skipif(
    not any(shutil.which(name) for name in PROGRAMS) and not os.environ.get("CI"), reason="no Chromium"
)


@needs_browser
def test_the_report_is_one_page_of_a4_with_its_whole_text(measured, run, tmp_path):
    """The text of the table can be read from it, row by row, and so can the reproducing command."""
    path = tmp_path / "report.pdf"
    assert run("report", "--pdf", str(path)).output == f"The report is in {path}.\n"
    (page,) = PdfReader(path).pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
    text = " ".join(page.extract_text().split())
    for words in ("Was it worth it?", "M1 Receive", "proven", "at least 30%", "In a replayed month:", "Made again by"):
        assert words in text


@needs_browser
def test_a_table_is_not_broken_between_pages():
    """A row that does not fit goes to the next page whole, and no text is lost."""
    rows = "".join(f"<tr><td>row {n}</td><td>{'word ' * 40}</td></tr>" for n in range(60))
    style = "<style>@page{size:A4;margin:15mm} tr{break-inside:avoid}</style>"
    reader = PdfReader(io.BytesIO(print_pdf(f"<!doctype html>{style}<table>{rows}</table>", os.environ)))
    texts = [page.extract_text() for page in reader.pages]
    assert len(texts) > 1
    assert [sum(f"row {n} " in f"{text.replace(chr(10), ' ')} " for text in texts) for n in range(60)] == [1] * 60


def test_without_a_browser_the_error_names_what_to_install(tmp_path):
    """Before anything is judged; a program named by the variable that is none is said as well."""
    with pytest.raises(Refused, match=r"install the package `chromium` of your system, or name the program in"):
        find_browser({"PATH": str(tmp_path)})
    with pytest.raises(Refused, match="MILEPOST_BROWSER is 'nothing', which is no program that can be run"):
        find_browser({"PATH": str(tmp_path), VARIABLE: "nothing"})


def test_a_program_that_prints_nothing_is_refused(tmp_path):
    """With the last line that it said."""
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho first >&2\necho no display >&2\n")
    program.chmod(0o700)
    with pytest.raises(Refused, match="chromium printed no PDF: no display"):
        print_pdf("<p>x</p>", {"PATH": f"{tmp_path}:{os.environ['PATH']}", VARIABLE: str(program)})
