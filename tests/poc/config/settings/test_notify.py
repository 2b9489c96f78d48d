"""Targets of notifications in milepost.toml: strict, with secrets by reference only."""

from typing import get_args

import pytest

from poc.alerts.alert import KINDS
from poc.config.settings.notify import AlertKind
from poc.config.workspace import load_settings
from poc.errors import BadInput

HEAD = 'schema = 1\nname = "shop"\n'


def test_every_kind_of_alert_can_be_routed():
    """The kinds of the configuration are those of the alerts."""
    assert get_args(AlertKind) == tuple(KINDS)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ('to = "mailto://u:topsecret@h"', "`notify.0.to`: holds a secret; write `${env:NAME}` or `${file:PATH}`"),
        ('to = "Bearer ${env:A}"', "`notify.0.to`: holds a secret; write `${env:NAME}` or `${file:PATH}`"),
        (
            'webhook = "https://u:topsecret@h/"\nsecret = "${env:A}"',
            "`notify.0.webhook`: must be http(s)://HOST[:PORT]/PATH, without user, password or query; it is signed",
        ),
        ('webhook = "https://h/"\nsecret = "topsecret"', "`notify.0.secret`: holds a secret"),
        ('webhook = "https://h/"', "`notify.0`: 'ops': `webhook` and `secret` go together"),
        ("", "`notify.0`: 'ops' needs either `to` or `webhook`"),
        ('to = "${env:A}"\nkinds = ["down"]', "`notify.0.kinds.0` (is 'down'): input should be 'workspace_problem'"),
        ('to = "${env:A}"\nurl = "topsecret"', "unknown key `notify.0.url`; keys there: name, to, webhook, secret"),
        (
            'to = "${env:A}"\nat_once = false',
            "`notify.0`: 'ops' is sent nothing: `at_once = false` goes with a `digest`",
        ),
        ('to = "${env:A}"\ndigest = "7:00"', "`notify.0.digest` (is '7:00'): string should match"),
        (
            'to = "${env:A}"\nzone = "Europe/Berlim"',
            "`notify.0.zone` (is 'Europe/Berlim'): the time zone 'Europe/Berlim' is not known; zones with such names: ",
        ),
        (
            'to = "${env:A}"\n[[notify]]\nname = "ops"\nto = "${env:A}"',
            "`notify`: two targets have the name 'ops'; give each one of its own",
        ),
    ],
)
def test_a_mistake_is_named_and_no_secret_shown(tmp_path, target, message):
    """The error names the key and the choices, and not a value that may be a secret."""
    (tmp_path / "milepost.toml").write_text(f'{HEAD}[[notify]]\nname = "ops"\n{target}\n')
    with pytest.raises(BadInput) as error:
        load_settings(tmp_path)
    assert message in str(error.value)
    assert "topsecret" not in str(error.value)
