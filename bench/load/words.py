"""Words that most tokenizers hold as one token each, for prompts of a wished length."""

from __future__ import annotations

_TEXT = (
    "time year work life part hand home side case week room area fact door book line city name "
    "team idea body face hour game head back game road half form food land type wall plan rate "
    "care sense group money story month study night point water state world house right place "
    "woman child power light party level order north south voice table paper music heart river "
    "white black green blood plant horse stone field event issue court class price stock trade "
    "store staff model sound image truth peace earth ocean glass metal wheel chair smile sleep "
    "dream bread sugar fruit grass cloud storm beach coast island forest bridge street market "
    "school family friend mother father number system people future window summer winter spring "
    "doctor letter office church police season member leader player artist writer reader driver"
)
WORDS = tuple(dict.fromkeys(_TEXT.split()))
NONCE_WORDS = 8


def nonce(index: int) -> bytes:
    """Eight words that no other index below 10¹⁶ has, the most telling ones first."""
    words = []
    for _ in range(NONCE_WORDS):
        index, place = divmod(index, len(WORDS))
        words.append(WORDS[place])
    return " ".join(words).encode()
