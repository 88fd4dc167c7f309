"""Fonts for paper: which there are, and which characters they can show.

Latin text needs no installed font: the typesetter carries Libertinus. Chinese comes from whichever
of the usual families the system has; where it has none, the message names the package to install.
A character that no font here can show is written as its code point, never as an empty box.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import typst

from modelworth.data.errors import ModelworthError

LATIN = "Libertinus Serif"
MONO = "DejaVu Sans Mono"
CHINESE = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
)
OTHERS = ("DejaVu Sans", "Noto Sans")
MISSING_CHINESE = "no font here can show Chinese\n  get one with: apt-get install fonts-noto-cjk"
# What Libertinus shows for certain: Latin, Greek, Cyrillic and the typographer's marks.
_CARRIED = re.compile("[\u0020-\u007e\u00a0-\u017f\u0391-\u03a1\u03b1-\u03c9\u0410-\u044f"
                      "\u2010-\u2015\u2018-\u201f\u2022\u2026\u20ac−√∞≈≤≥→\u200b]")  # fmt: skip
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_LONG_WORD = re.compile(rf"[^\s“”{_WIDE.pattern[1:-1]}]{{14,}}")  # Chinese breaks anywhere
_JOINT = re.compile(r"([_/\-=:()*+]|(?<!\d)[.,]|[.,](?!\d))(?=\w)")
BREAK = "\u200b"


@dataclass(frozen=True, slots=True)
class Typeface:
    """Families in the order in which they are tried, and what they show together."""

    families: tuple[str, ...]
    shown: frozenset[int]

    def printable(self, text: str) -> str:
        """The text with places to break long words, and without what can't be shown.

        Raises:
            ModelworthError: if the text is Chinese and no font here is.
        """
        kept = "".join(self._shown(character) for character in unicodedata.normalize("NFC", text))
        return _LONG_WORD.sub(_breakable, kept)

    def _shown(self, character: str) -> str:
        if _CARRIED.match(character) or ord(character) in self.shown:
            return character
        if _WIDE.match(character) and not any(family in CHINESE for family in self.families):
            raise ModelworthError(MISSING_CHINESE)
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            return ""
        return f"[U+{ord(character):04X}]"


def typeface(language: str) -> Typeface:
    """The fonts for a language.

    Raises:
        ModelworthError: if the language is Chinese and there is no font for it.
    """
    found = installed()
    chinese = [family for family in CHINESE if family in found][:1]
    if language == "zh_CN" and not chinese:
        raise ModelworthError(MISSING_CHINESE)
    others = [family for family in OTHERS if family in found]
    order = [*chinese, LATIN] if language == "zh_CN" else [LATIN, *chinese]
    covered = [_characters(*found[family]) for family in (*chinese, *others)]
    return Typeface((*order, *others), frozenset().union(*covered))


@cache
def installed() -> dict[str, tuple[str, int]]:
    """Family → file of its upright regular weight, and its number in that file."""
    regular = (
        font
        for font in typst.Fonts().fonts()
        if font.path and font.style == "normal" and font.weight == 400
    )
    return {font.family: (str(font.path), font.index) for font in regular}


@cache
def _characters(path: str, number: int) -> frozenset[int]:
    """Code points that a font file has a glyph for."""
    from fontTools.ttLib import TTFont

    with TTFont(path, fontNumber=number, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _breakable(word: re.Match[str]) -> str:
    """A long word that may break after its joints, and everywhere if it has none."""
    text = _JOINT.sub(rf"\1{BREAK}", word.group())
    return re.sub(rf"([^{BREAK}\s]{{16}})(?=[^{BREAK}\s]{{4}})", rf"\1{BREAK}", text)
