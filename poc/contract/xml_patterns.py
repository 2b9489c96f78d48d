"""Regular expressions of XML Schema, translated to those of the Rust library that polars uses.

A pattern matches a whole value. `^` and `$` are ordinary characters in XML Schema; as most people write them as
anchors, a leading `^` and a trailing `$` are left out, and a note says so. A construct that XML Schema does not have is
refused by its name, so that no pattern gets another meaning silently.

Source: XML Schema 1.1, https://www.w3.org/TR/xmlschema11-2/#regexs
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME_START = (
    r":A-Z_a-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}\x{2070}-\x{218F}"
    r"\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}"
)
NAME = NAME_START + r"\-.0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}"

#: The classes that an escape stands for.
CLASS_ESCAPES = {
    "s": r"[ \t\n\r]",
    "S": r"[^ \t\n\r]",
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "w": r"[^\p{P}\p{Z}\p{C}]",
    "W": r"[\p{P}\p{Z}\p{C}]",
    "i": f"[{NAME_START}]",
    "I": f"[^{NAME_START}]",
    "c": f"[{NAME}]",
    "C": f"[^{NAME}]",
}

#: The characters that an escape stands for.
CHARACTER_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", **{char: char for char in r"\|.?*+(){}-[]^"}}

CATEGORY = re.compile(r"L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|Z[slp]?|S[mcko]?|C[cfon]?")

#: Unicode blocks that a pattern may name, as the first and the last character.
BLOCKS = {
    "BasicLatin": (0x0, 0x7F), "Latin-1Supplement": (0x80, 0xFF), "LatinExtended-A": (0x100, 0x17F),
    "LatinExtended-B": (0x180, 0x24F), "Greek": (0x370, 0x3FF), "GreekandCoptic": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x4FF), "Hebrew": (0x590, 0x5FF), "Arabic": (0x600, 0x6FF), "Thai": (0xE00, 0xE7F),
    "Hiragana": (0x3040, 0x309F), "Katakana": (0x30A0, 0x30FF), "CJKUnifiedIdeographs": (0x4E00, 0x9FFF),
    "HangulSyllables": (0xAC00, 0xD7AF),
}  # fmt: skip

#: Names of what other dialects have and XML Schema does not, by its beginning.
OTHER_GROUPS = {
    "(?=": "a lookahead", "(?!": "a negative lookahead", "(?<=": "a lookbehind", "(?<!": "a negative lookbehind",
    "(?:": "a group with `?:`; write `(`", "(?P": "a named group", "(?<": "a named group", "(?>": "an atomic group",
    "(?#": "a comment", "(?": "flags",
}  # fmt: skip
OTHER_ESCAPES = {
    "b": "a word boundary", "B": "a word boundary", "A": "an anchor", "Z": "an anchor", "z": "an anchor",
    "G": "an anchor", "x": "a character by its number", "u": "a character by its number", "Q": "a quotation",
    "K": "a reset of the match", "R": "a line break", "h": "a blank", "k": "a reference to a group",
    **dict.fromkeys("0123456789", "a reference to a group"),
}  # fmt: skip

QUANTIFIER = re.compile(r"[?*+]|\{[0-9]+(?:,[0-9]*)?\}")

#: The most class subtractions inside one another.
MAX_SUBTRACTIONS = 20


@dataclass(frozen=True, slots=True)
class XmlPattern:
    """A translated pattern: `rust` for the whole text, the `text` without anchors, and a note for people, if any."""

    rust: str
    text: str
    note: str


def compile_pattern(pattern: str) -> XmlPattern:
    """Translate a pattern of XML Schema.

    Raises:
        ValueError: it is not one; names the construct and its position.
    """
    text = pattern.removeprefix("^")
    body = text.removesuffix("$")
    if (len(body) - len(body.rstrip("\\"))) % 2 == 0:  # the last `$` is not escaped
        text = body
    notes = []
    if text != pattern:
        notes.append("`^` at its start and `$` at its end are taken as anchors")
    translator = _Translator(text, len(pattern) - len(pattern.removeprefix("^")))
    rust = translator.translate()
    if translator.has_anchor:
        notes.append("`^` and `$` elsewhere are these characters, as XML Schema says")
    return XmlPattern(rf"\A(?:{rust})\z", text, "; ".join(notes))


class _Translator:
    """Reads one pattern from left to right. `before` characters were left out before it."""

    def __init__(self, text: str, before: int) -> None:
        self._text = text
        self._before = before
        self._at = 0
        self._depth = 0
        self._has_atom = False  # whether a quantifier may follow
        self.has_anchor = False

    def translate(self) -> str:
        """Return the translation of the whole pattern."""
        out: list[str] = []
        while self._at < len(self._text):
            if quantifier := QUANTIFIER.match(self._text, self._at):
                if not self._has_atom:
                    raise self._refuse(f"`{quantifier[0]}` after {self._what_is_before()}")
                out.append(quantifier[0])
                self._at, self._has_atom = quantifier.end(), False
            else:
                self._has_atom = self._text[self._at] not in "(|"
                out.append(self._piece(self._text[self._at]))
        if self._depth:
            raise self._refuse("`(` without `)`")
        return "".join(out)

    def _piece(self, char: str) -> str:
        if char == "[":
            return self._char_class(0)
        if char == "\\":
            return self._escape()[0]
        translated = {"(": "(?:", ")": ")", "|": "|", ".": r"[^\n\r]"}.get(char) or literal(char)
        if char == "(":
            self._refuse_other_group()
            self._depth += 1
        elif char == ")":
            self._depth -= 1
            if self._depth < 0:
                raise self._refuse("`)` without `(`")
        elif char in "]{}":
            raise self._refuse(f"`{char}` alone; write `\\{char}`,")
        self.has_anchor |= char in "^$"
        self._at += 1
        return translated

    def _what_is_before(self) -> str:
        is_quantified = self._at and self._text[self._at - 1] in "?*+}"
        return "a quantifier: lazy and possessive ones do not exist" if is_quantified else "nothing"

    def _refuse(self, construct: str) -> ValueError:
        return ValueError(f"{construct} (at character {self._at + self._before + 1}) is not in XML Schema's patterns")

    def _refuse_other_group(self) -> None:
        for start, name in OTHER_GROUPS.items():
            if self._text.startswith(start, self._at):
                raise self._refuse(f"`{start}`, {name},")

    def _escape(self) -> tuple[str, str]:
        """Read an escape; return its translation, and its character if it stands for one."""
        letter = self._text[self._at + 1 : self._at + 2]
        if letter in CHARACTER_ESCAPES:
            self._at += 2
            char = CHARACTER_ESCAPES[letter]
            return literal(char), char
        if letter in CLASS_ESCAPES:
            self._at += 2
            return CLASS_ESCAPES[letter], ""
        if letter in {"p", "P"}:
            return self._property(letter), ""
        name = OTHER_ESCAPES.get(letter, "an escape")
        if letter and not letter.isalnum():
            name += f"; write `[{letter}]`"
        raise self._refuse(f"`\\{letter}`, {name},")

    def _property(self, letter: str) -> str:
        match = re.compile(r"\{([^{}]*)\}").match(self._text, self._at + 2)
        if match is None:
            raise self._refuse(f"`\\{letter}` without a category in braces")
        name = match[1]
        negated = "^" if letter == "P" else ""
        if CATEGORY.fullmatch(name):
            translated = f"\\{letter}{{{name}}}"
        elif name.removeprefix("Is") in BLOCKS and name.startswith("Is"):
            first, last = BLOCKS[name.removeprefix("Is")]
            translated = rf"[{negated}\x{{{first:X}}}-\x{{{last:X}}}]"
        else:
            blocks = ", ".join(f"Is{block}" for block in BLOCKS)
            raise self._refuse(f"`\\{letter}{{{name}}}`, no category and none of the blocks {blocks},")
        self._at = match.end()
        return translated

    def _char_class(self, depth: int) -> str:
        """Read a class from its `[` to its `]`, with a subtraction if there is one."""
        if depth > MAX_SUBTRACTIONS:
            raise self._refuse(f"more than {MAX_SUBTRACTIONS} subtractions inside one another")
        start = self._at
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        while not self._text.startswith("]", self._at):
            if self._at >= len(self._text):
                self._at = start
                raise self._refuse("`[` without `]`")
            if self._text.startswith("-[", self._at) and parts:
                self._at += 1
                subtracted = self._char_class(depth + 1)
                if not self._text.startswith("]", self._at):
                    raise self._refuse("anything after a subtraction in a class")
                self._at += 1
                return f"[[{'^' * negated}{''.join(parts)}]--{subtracted}]"
            parts.append(self._class_part(first=not parts))
        if not parts:
            raise self._refuse("an empty class")
        self._at += 1
        return f"[{'^' * negated}{''.join(parts)}]"

    def _class_part(self, *, first: bool) -> str:
        """Read a character, a range or an escape of a class."""
        if self._text.startswith("[", self._at):
            posix = self._text.startswith("[:", self._at)
            raise self._refuse("`[:`, a class of POSIX," if posix else "`[` in a class; write `\\[`,")
        if self._text.startswith("-", self._at):
            if not first and self._text[self._at + 1 : self._at + 2] not in {"]", "-"}:
                raise self._refuse("`-` in the middle of a class; write `\\-`,")
            self._at += 1
            return r"\-"
        translated, char = self._class_char()
        if not re.compile(r"-(?!\]|\[|-\[|$)", re.DOTALL).match(self._text, self._at):  # not a range
            return translated
        at, self._at = self._at, self._at + 1
        if not char:
            self._at = at
            raise self._refuse("a range from a class")
        if self._text[self._at] == "-":
            raise self._refuse("a range to `-`; write `\\-`,")
        end_translated, end = self._class_char()
        if not end or end < char:
            self._at = at
            raise self._refuse(f"a range from `{char}` to {f'`{end}`, which is before it,' if end else 'a class'}")
        return f"{translated}-{end_translated}"

    def _class_char(self) -> tuple[str, str]:
        if self._text[self._at] == "\\":
            return self._escape()
        char = self._text[self._at]
        self._at += 1
        return literal(char), char


def literal(char: str) -> str:
    """Return a character as an expression that matches only it, also in a class."""
    return char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):X}}}"
