"""Write the generated parts of all pages: `python -m docs.generator`; `--check` only names the pages to be written."""

from __future__ import annotations

from pathlib import Path

import click

from docs.generator.pages import stale

FOLDER = Path(__file__).parents[1]


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a page is out of date.")
def main(check: bool) -> None:
    """Write the generated parts of all pages."""
    pages = stale(FOLDER)
    for path, text in pages.items():
        if not check:
            path.write_text(text, "utf-8")
        click.echo(f"{path.relative_to(FOLDER.parent)}: {'out of date' if check else 'written'}")
    if check and pages:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
