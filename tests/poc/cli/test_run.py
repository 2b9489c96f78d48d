"""`milepost run`: what it prints about an exchange."""


def test_a_run_prints_outcome_findings_and_the_next_command(make_cli):
    """The account, each finding with its row, and the command that shows the quarantined rows."""
    cli = make_cli()
    cli.edit_sample(("2013,1,1,", "2013,13,1,"))
    output = cli.run("run").splitlines()
    (key,) = cli.exchange_ids()
    assert output == [
        "AA/flights sample.csv: done; 12 rows in: 11 delivered, 1 quarantined",
        "  row 1: constraint-error in month: 13 is above the maximum 12",
        f"  quarantined; `milepost quarantine show {key[:8]}` shows the rows",
    ]
