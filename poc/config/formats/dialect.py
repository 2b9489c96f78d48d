"""The dialect of a feed: how its CSV files are written, in which encoding."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator, model_validator

from poc.config.strict import Strict

#: Characters that cannot be a delimiter, quote or escape.
UNUSABLE_SIGNS = ("\r", "\n", "\0")


#: Encodings of Python that are for domain names and program text.
NOT_FOR_FILES = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}


class Dialect(Strict):
    """How a text file is written. Reading guesses nothing."""

    encoding: str = Field(
        default="utf-8",
        description="Character encoding of the file, and of an export of its quarantine: any that "
        "Python decodes, such as `utf-8`, `cp1252`, `latin-1`, `utf-16`, `shift_jis` or `gb18030`. A byte order "
        "mark is left out. `utf-16` and `utf-32` without one are read as little-endian, and the receipt says so.",
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=8, description="The characters between two cells, one or more."
    )
    quote: str = Field(
        default='"', max_length=1, description='The character around a quoted cell; `""` if the file quotes nothing.'
    )
    escape: str = Field(
        default="", max_length=1, description='The character before a quote inside a cell; `""` if it is written twice.'
    )
    header: bool = Field(
        default=True,
        description="Whether the file has a header line. If `false`, the columns are those of the contract, in order.",
    )
    preamble_lines: int = Field(default=0, ge=0, le=10_000, description="Lines to skip before the header.")
    nulls: tuple[str, ...] = Field(
        default=(), description="Texts that mean “no value”, in addition to the contract's `missingValues`."
    )
    line_end: Literal["any", "lf", "crlf", "cr"] = Field(default="any", description="What ends a line.")

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # refuses codecs of other things than text
            codec = codecs.lookup(encoding)
        except (LookupError, ValueError, UnicodeError) as error:
            raise ValueError(
                f"the encoding {encoding!r} is not known; see Python's list of standard encodings"
            ) from error
        if codec.name.replace("_", "-") in NOT_FOR_FILES or codec.incrementaldecoder is None:
            raise ValueError(f"the encoding {encoding!r} is not one of files; choose another, such as 'utf-8'")
        return encoding

    @model_validator(mode="after")
    def _signs_differ(self) -> Dialect:
        for sign in (self.quote, self.escape):
            if sign and (not sign.isascii() or sign in UNUSABLE_SIGNS):
                raise ValueError(f"{sign!r} cannot be used here; choose one ASCII character other than CR, LF and NUL")
        if any(sign in self.delimiter for sign in UNUSABLE_SIGNS):
            raise ValueError(f"the delimiter {self.delimiter!r} holds a CR, LF or NUL, which cannot be used here")
        if any(sign and sign in self.delimiter for sign in (self.quote, self.escape)):
            raise ValueError("delimiter, quote and escape must differ, and no delimiter holds one of the others")
        if self.quote and self.quote == self.escape:
            raise ValueError("delimiter, quote and escape must differ")
        try:
            self.delimiter.encode(self.encoding)
        except UnicodeError as error:
            raise ValueError(f"the delimiter {self.delimiter!r} cannot be written in {self.encoding}") from error
        return self
