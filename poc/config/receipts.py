"""Configuration of receipts and of the intake: the tables `[receipts]` and `[intake]` of `partners/<id>.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from poc.config.endpoint import SECRET_REFERENCE
from poc.config.place import PlaceConfig
from poc.config.strict import Strict


def check_reference(value: str) -> str:
    """Return a reference to a secret. Raises ValueError, which shows nothing of the value."""
    match = SECRET_REFERENCE.fullmatch(value)
    if match is None or match.start(1) != len("${"):
        raise ValueError("holds a secret; write `${env:NAME}` or `${file:PATH}`")
    return value


#: A key of Standard Webhooks by its variable or file.
KeyReference = Annotated[str, AfterValidator(check_reference)]


class ReceiptSettings(Strict):
    """What a partner is told of each file that came in, and where."""

    keys: tuple[KeyReference, ...] = Field(
        default=(),
        max_length=2,
        description="The keys by which receipts are signed as Standard Webhooks v1, `whsec_` and Base64: `${env:NAME}` "
        "or `${file:PATH}`. With two, each receipt has a signature by each, so that a key can be replaced. Without "
        "one, receipts are not signed.",
    )
    folder: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="The folder in which receipts are written, one folder for each feed in it; by default "
        "the folder `receipts` at the place from which the feed's files are fetched, or else `var/receipts/<id>`.",
    )
    place: PlaceConfig | None = Field(
        default=None,
        description="Instead of `folder`: a place such as `sftp://HOST/FOLDER`, with the keys of a place, "
        "in which the receipts of all feeds of the partner are written.",
    )
    values: bool = Field(
        default=False,
        description="Whether the list of rejected rows has the rows themselves and messages that show values of them.",
    )

    @model_validator(mode="after")
    def _has_one_target(self) -> ReceiptSettings:
        if self.folder and self.place is not None:
            raise ValueError("`folder` and `place` do not go together; receipts are written in one of them")
        return self


class IntakeSettings(Strict):
    """How a partner hands in files by `POST /in/<id>/<feed>`."""

    keys: tuple[KeyReference, ...] = Field(
        default=(),
        max_length=2,
        description="The keys of which one must have signed a request without a token, as Standard Webhooks v1: "
        "`${env:NAME}` or `${file:PATH}`. Without one, requests need a token of the kind `intake`.",
    )
    max_bytes: int = Field(default=256 << 20, ge=1, description="The most bytes of one file.")
