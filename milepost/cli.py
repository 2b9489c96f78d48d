"""The `milepost` command: its subcommands by name, each imported when it is called.

No large library is imported before a command needs it, so that `milepost --help` answers at once.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from milepost.context import WorkspaceContext
from milepost.errors import CommandError, describe_error

#: Subcommands: name -> (module, attribute, line in the help).
COMMANDS = {
    "demo": (
        "milepost.demo",
        "demo",
        "Replay the flights of 2013 on monolith and service, judge the milestones, and show the dashboard.",
    ),
    "init": (
        "milepost.init_validate",
        "init",
        "Create a workspace in FOLDER that runs: a partner, a contract, milestones, and a file in the inbox.",
    ),
    "serve": (
        "milepost.serve",
        "serve",
        "Show the dashboard, exchange files from the inboxes, collect, and judge once a day.",
    ),
    "work": (
        "milepost.processes.commands",
        "work",
        "Exchange files from the inboxes until a signal comes: any number of these processes share the work.",
    ),
    "watch": (
        "milepost.processes.commands",
        "watch",
        "Fetch files from the places of partners into the inboxes until a signal comes.",
    ),
    "schedule": (
        "milepost.processes.commands",
        "schedule",
        "Do what goes by the clock until a signal comes: expected files, notifications, the log of alerts, `[keep]`.",
    ),
    "validate": (
        "milepost.init_validate",
        "validate",
        "Check every file of the workspace, and print all problems with the valid choices.",
    ),
    "try": (
        "poc.cli.try_file",
        "try_file",
        "Show what would become of FILE, which may lie anywhere: its rows, and the request that would be sent.",
    ),
    "contract": (
        "poc.cli.onboarding.contract",
        "contract",
        "Propose a contract and a feed for files of a new partner.",
    ),
    "run": ("poc.cli.run", "run", "Send what is due and exchange the files in the inboxes."),
    "status": (
        "poc.cli.status",
        "status",
        "Show waiting files, exchanges by outcome, and everything that needs a person.",
    ),
    "check": (
        "poc.cli.operations.check",
        "check",
        "Print the state of the workspace in one line, for a monitoring system.",
    ),
    "places": (
        "poc.cli.connections.places",
        "places",
        "Check the places that files are taken from and delivered to.",
    ),
    "pickup": (
        "poc.cli.connections.pickup",
        "pickup",
        "Show what was fetched from partners' places, and decide what is.",
    ),
    "receipt": ("poc.cli.connections.receipt", "receipt", "Show what partners are told of their files."),
    "expect": (
        "poc.cli.operations.expect",
        "expect",
        "Show when files are due next, in local time and UTC, and whether they came by the last moment.",
    ),
    "notify": ("poc.cli.operations.notify", "notify", "Test the targets of notifications, and list what was sent."),
    "digest": (
        "milepost.digest",
        "digest",
        "Show the digest of the milestones, or send it by mail.",
    ),
    "backup": (
        "poc.cli.operations.backup",
        "backup",
        "Back the workspace up into the new folder TO, while `serve` and `run` work.",
    ),
    "restore": (
        "poc.cli.operations.backup",
        "restore",
        "Restore a backup FROM a folder into the new or empty folder TO.",
    ),
    "migrate": (
        "poc.cli.operations.ledger",
        "migrate",
        "Make the tables of a ledger in PostgreSQL, or upgrade them to this release.",
    ),
    "ledger": ("poc.cli.operations.ledger", "ledger", "Move the ledger between SQLite and PostgreSQL."),
    "tidy": (
        "poc.cli.operations.tidy",
        "tidy",
        "Remove what is settled and older than `[keep]` in milepost.toml says.",
    ),
    "find": ("poc.cli.find", "find", "Show where a file is, and how each exchange of it ended."),
    "quarantine": ("poc.cli.quarantine", "quarantine", "Show, export, replay or discard quarantined rows."),
    "outbox": (
        "poc.cli.outbox",
        "outbox",
        "List unconfirmed requests, and send them again, mark them as arrived or discard them.",
    ),
    "refused": ("poc.cli.refused", "refused", "List or discard refused files."),
    "redeliver": (
        "poc.cli.redeliver",
        "redeliver",
        "Deliver the archived file of an exchange again: under the current map and contract, with new keys.",
    ),
    "parity": (
        "poc.cli.migration.parity",
        "parity",
        "Compare what two sides send, such as the monolith and the service, and decide about the differences.",
    ),
    "partner": (
        "poc.cli.partner",
        "partner",
        "Add a partner, list the partners, or release one to which nothing is sent.",
    ),
    "route": (
        "poc.cli.migration.route",
        "route",
        "Move a feed from the monolith to the service, stage by stage, and back.",
    ),
    "capture": (
        "poc.cli.migration.capture",
        "capture",
        (
            "Pass on what a monolith sends to PARTNER, unchanged, and keep it to compare it with what the service "
            "would send."
        ),
    ),
    "user": ("dashboard.cli.user", "user", "Add, list, change and disable accounts of the dashboard."),
    "token": ("dashboard.cli.token", "token", "Add, list and revoke tokens for machines."),
    "share": (
        "dashboard.cli.share",
        "share",
        "Make, list and revoke links to one page or the report, for people without an account.",
    ),
    "audit": ("dashboard.cli.audit", "audit", "Show who did what on the dashboard and to its accounts."),
    "metrics": ("metrics.cli.measure", "metrics", "Measure runs of both sides, and store the results."),
    "roadmap": ("roadmap.cli.main", "roadmap", "Milestones and their verdicts, computed from what was measured."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called, and turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of the help."""
        del ctx
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand by its name; return None for an unknown name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; the error for an unknown name proposes the names nearest to it."""
        if args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that names its exit code becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except Exception as error:
            from metrics.terminal import print_line

            message, code = describe_error(error)
            if code is None or isinstance(error, click.ClickException):
                raise
            for line in message.args if isinstance(message, CommandError) else (message,):
                print_line(f"milepost: {line}", err=True)
            ctx.exit(code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-w", "--workspace", type=click.Path(path_type=Path), envvar="MILEPOST_WORKSPACE", help="The workspace's folder."
)
@click.version_option(package_name="milepost")
@click.pass_context
def main(ctx: click.Context, workspace: Path | None) -> None:
    """Milepost moves data between a company and its partners, and measures what each step was worth."""
    ctx.obj = WorkspaceContext(workspace)
