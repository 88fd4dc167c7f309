"""Passes of a built model at several sizes, and what they cost as a function of tokens.

FLOPs of a module are fixed + per token · s + per pair · s², through three lengths; a model that
takes no tokens, or only an item of a fixed size, runs once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelworth.bench.models.inspect_build import Built
from modelworth.bench.models.inspect_inputs import (
    fixed_inputs,
    item_inputs,
    read_setting,
    reads_tokens,
    steps_by_token,
    takes,
    token_inputs,
    tokens,
)
from modelworth.bench.models.inspect_measure import Pass, counted_pass

LENGTHS = (256, 512, 768)
"""Multiples of what chunked recurrences work on at once."""
SHORT = (16, 32, 48)
"""For models that go through a sequence token by token in Python."""
LONGEST = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")


@dataclass(frozen=True)
class Fitted:
    """FLOPs or numbers as a function of tokens: fixed + token · s + pair · s²."""

    fixed: float = 0
    token: float = 0
    pair: float = 0


@dataclass(frozen=True)
class Runs:
    """Passes of a model: at three lengths, or one of a fixed size.

    Attributes:
        source: tokens that an encoder gave the decoder in `passes`; 0: there is none.
        by_source: passes at the same three lengths of the encoder's own tokens, the decoder at the
            first; empty: the encoder's size is fixed.
    """

    lengths: tuple[int, ...]
    passes: tuple[Pass, ...]
    source: int = 0
    by_source: tuple[Pass, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether there is but one size."""
        return len(self.lengths) == 1


def runs_of(built: Built) -> tuple[Runs | None, list[str]]:
    """The passes that could be made, and what is to be said about them."""
    model = built.model
    longest = setting(built.settings, LONGEST) or LENGTHS[-1]
    lengths = SHORT if steps_by_token(model) else LENGTHS
    lengths = lengths if longest >= lengths[-1] else _shorter(longest)
    if window := widest_window(built.settings):
        lengths = (window, 2 * window, 3 * window)  # its encoder pads to multiples of it
    if only_decodes(model):
        lengths = lengths[:2]
    failed = ""
    for attempt in (_by_tokens, _by_fewer_tokens, _beside_fixed, _fixed):
        try:
            runs = attempt(model, lengths)
        except RuntimeError as error:
            failed = failed or str(error)
            continue
        if runs is not None:
            return runs, ["FLOPs of one item of the config's own size"] if runs.fixed else []
    return None, [f"FLOPs are 2 a parameter and token, not counted: a bare pass fails ({failed})"]


def widest_window(settings: Any) -> int:
    """The window that Longformer and its kin pad a sequence to; 0: none."""
    given = read_setting(settings, "attention_window")
    windows = list(given) if isinstance(given, list | tuple) else [given]
    windows.append(read_setting(settings, "block_size"))
    return max((each for each in windows if isinstance(each, int) and each > 128), default=0)


def only_decodes(model: Any) -> bool:
    """Whether a model only continues a text: every FLOP of it is some token's."""
    return bool(
        model.can_generate() and reads_tokens(model) and not model.config.is_encoder_decoder
    )


def _by_tokens(model: Any, lengths: tuple[int, ...]) -> Runs | None:
    """Passes over tokens alone."""
    if not reads_tokens(model):
        return None
    first = lengths[0]
    passes = _with_or_without_cache(
        model, [token_inputs(model, length, first) for length in lengths]
    )
    if not model.config.is_encoder_decoder:
        return Runs(lengths, passes)
    others = tuple(counted_pass(model, token_inputs(model, first, length)) for length in lengths)
    return Runs(lengths, passes, first, others)


def _by_fewer_tokens(model: Any, lengths: tuple[int, ...]) -> Runs | None:
    """The same with half as many, for tables of positions that hold more than tokens."""
    return _by_tokens(model, tuple(max(1, length // 2) for length in lengths))


def _with_or_without_cache(model: Any, inputs: list[dict[str, Any]]) -> tuple[Pass, ...]:
    """A pass for each of the inputs; without a cache where the model's own gets in the way."""
    try:
        return tuple(counted_pass(model, each) for each in inputs)
    except RuntimeError:
        if not takes(model, "use_cache"):
            raise
    return tuple(counted_pass(model, {**each, "use_cache": False}) for each in inputs)


def _beside_fixed(model: Any, lengths: tuple[int, ...]) -> Runs | None:
    """Passes over tokens beside an image or a sound of the config's own size."""
    if not model.can_generate():
        return None
    usual = fixed_inputs(model)
    named = next((name for name in ("decoder_input_ids", "input_ids") if name in usual), None)
    if named is None:
        return None
    given = _first_that_runs(model, tokens(lengths[0]), named)
    passes = tuple(counted_pass(model, {**given, named: tokens(length)}) for length in lengths)
    positions = setting(model.config, ("max_source_positions",)) or 1
    return Runs(lengths, passes, positions if model.config.is_encoder_decoder else 0)


def _fixed(model: Any, lengths: tuple[int, ...]) -> Runs | None:
    """One pass over one item."""
    del lengths
    return Runs((1,), (counted_pass(model, _first_that_runs(model)),))


def _first_that_runs(model: Any, text: Any = None, named: str = "") -> dict[str, Any]:
    """The first of the ways to give an item, beside a text, that a model takes.

    Raises:
        RuntimeError: if it takes none: what it says against the usual one.
    """
    first: RuntimeError | None = None
    for given in item_inputs(model):
        try:
            counted_pass(model, {**given, named: text} if named else given)
        except RuntimeError as error:
            first = first or error
        else:
            return given
    assert first is not None
    raise first


def _shorter(longest: int) -> tuple[int, int, int]:
    """Three lengths within a short model's."""
    return (max(1, longest // 3), max(2, 2 * longest // 3), max(3, longest))


def fitted(values: list[float], lengths: tuple[int, ...]) -> Fitted:
    """The three numbers through three points; two where nothing is fixed, one where all is."""
    if len(values) == 1:
        return Fitted(fixed=values[0])
    if len(values) == 2:  # nothing is fixed in a decoder: a line through each token's FLOPs
        each = [value / length for value, length in zip(values, lengths, strict=True)]
        pair = (each[1] - each[0]) / (lengths[1] - lengths[0])
        return Fitted(0, each[0] - pair * lengths[0], pair)
    (x, y, z), (a, b, c) = lengths, values
    first, second = (b - a) / (y - x), (c - b) / (z - y)
    pair = (second - first) / (z - x)
    token = first - pair * (x + y)
    return Fitted(a - token * x - pair * x * x, token, pair)


def flops_of(runs: Runs | None, path: str, *, encodes: bool = False) -> Fitted | None:
    """FLOPs of the module at a path by the tokens it sees; None: not counted."""
    if runs is None:
        return None
    if encodes and runs.by_source:
        return fitted([float(one.flops.get(path, 0)) for one in runs.by_source], runs.lengths)
    found = fitted([float(one.flops.get(path, 0)) for one in runs.passes], runs.lengths)
    if encodes and runs.source:
        return Fitted(token=found.fixed / runs.source)
    return found


def setting(settings: Any, names: tuple[str, ...]) -> int | None:
    """The first of several settings that is a whole number above 0."""
    for holder in (settings, settings.get_text_config()):
        for name in names:
            value = read_setting(holder, name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None
