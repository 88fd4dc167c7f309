"""Attention kernels: tried on the step's own calls, used as chosen, recorded; no copies of keys."""

from __future__ import annotations

from collections import Counter

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.nn.functional import scaled_dot_product_attention  # noqa: E402 torch may be absent
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from modelworth.bench.work.attention import (  # noqa: E402
    PIECE,
    SPLIT,
    product_format,
    split_attention,
)
from modelworth.bench.work.attention_kernel import Call, Noted, choose, using  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from tests.bench.test_work_infer import case, decoder, work, written_logits  # noqa: E402

CPU = torch.device("cpu")
FLASH = "_scaled_dot_product_flash_attention_for_cpu"


class Called(TorchDispatchMode):
    """Names of operations, and the heads of keys that fused attention was given."""

    def __init__(self):
        super().__init__()
        self.names, self.key_heads = set(), set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        self.names.add(name)
        if name.startswith(FLASH):
            at = 2 if name.endswith("backward") else 1
            self.key_heads.add(args[at].shape[1])
        return func(*args, **(kwargs or {}))


def tensors(query, key, dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=dtype) for shape in (query, key, key)]


@pytest.mark.parametrize("tokens", [1, PIECE - 1, 3 * PIECE, 3 * PIECE + 41])
@pytest.mark.parametrize("masked", [None, torch.bool, torch.float32])
def test_splitting_a_cache_changes_nothing(tokens, masked):
    query, key, value = tensors((2, 8, 1, 16), (2, 2, tokens, 16))
    mask = None
    if masked is not None:
        open_ = torch.arange(tokens) <= tokens // 2
        hidden = torch.zeros(tokens).masked_fill(~open_, float("-inf"))
        mask = (open_ if masked is torch.bool else hidden).expand(2, 1, 1, tokens)
    expected = scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
    found = split_attention(query, key, value, mask)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_calls_are_noted_with_their_shapes_and_how_often():
    query, key, value = tensors((1, 4, 6, 8), (1, 2, 6, 8))
    with Noted() as noted:
        for _ in range(3):
            scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    (call,) = noted.calls
    assert noted.calls[call] == 3
    assert (call.query, call.key, call.causal, call.grouped) == (
        (1, 4, 6, 8),
        (1, 2, 6, 8),
        True,
        True,
    )


@pytest.mark.parametrize("trained", [False, True])
def test_every_kernel_that_can_is_tried_and_the_fastest_taken(trained):
    query, key, value = tensors((2, 4, 64, 8), (2, 4, 64, 8))
    with Noted() as noted:
        scaled_dot_product_attention(query, key, value, is_causal=True)
    choice = choose(noted.calls, CPU, None, trained=trained)
    assert set(choice.seconds) == {"flash", "math"}
    assert choice.seconds[choice.kernel] == min(choice.seconds.values()) > 0
    assert choose(noted.calls, CPU, "math", trained=trained).kernel == "math"
    with pytest.raises(InputError, match="flash, math"):
        choose(noted.calls, CPU, "cudnn", trained=trained)


def test_calls_that_do_not_fit_leave_the_choice_open():
    shape = (2**30, 32, 4096, 128)
    call = Call(shape, shape, shape, None, None, True, False, torch.float32)
    assert choose(Counter([call]), CPU, None).kernel is None


def test_without_calls_there_is_nothing_to_choose():
    assert choose(Noted().calls, CPU, None).kernel is None
    with pytest.raises(InputError, match="left out"):
        choose(Noted().calls, CPU, "flash")


@pytest.mark.parametrize("kernel", ["flash", "math"])
def test_the_kernel_asked_for_is_the_one_that_runs(kernel):
    query, key, value = tensors((2, 4, 64, 8), (2, 4, 64, 8))
    with Called() as called, using(kernel):
        scaled_dot_product_attention(query, key, value, is_causal=True)
    assert (FLASH in called.names) is (kernel == "flash")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tried"),
    [
        ("pretrain", {"flash", "math"}),
        ("forward", {"flash", "math"}),
        ("prefill", {"flash", "math"}),
        ("decode", {"flash", "math", SPLIT}),
        ("generate", {"flash", "math", SPLIT}),
    ],
)
def test_every_kind_of_work_says_which_it_ran_by(kind, tried):
    new = {"new_tokens": 4} if kind == "generate" else {}
    prepared = work("llama", kind, **new)
    assert set(prepared.attention_s) == tried
    assert prepared.attention_kernel in tried
    plain = work("llama", kind, attention_kernel="math", **new)
    with Called() as called:
        if plain.reset:
            plain.reset()
        (dict(plain.parts)["decode"] if kind == "generate" else plain.step)()
    assert plain.attention_kernel == "math"
    assert FLASH not in called.names


def test_eager_attention_has_no_kernel_to_choose():
    prepared = work("llama", "prefill", attention="eager")
    assert (prepared.attention_kernel, prepared.attention_s) == (None, None)


@pytest.mark.parametrize("growing", [True, False])
def test_decoding_by_a_split_cache_says_the_same(growing):
    found = []
    for kernel in ("math", SPLIT):
        asked = case("llama", "generate", prompt_tokens=12, new_tokens=6)
        one = decoder(asked, growing=growing)
        one.attend_by(kernel)
        if growing:
            found.append(written_logits(one, steps=4)[0])
            continue
        torch.manual_seed(0)
        one.hold(one.size.context - 1)
        one.advance()
        found.append(one.logits)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_copies_no_keys_for_the_queries_that_share_them(precision):
    prepared = work("llama", "pretrain", precision=precision, attention_kernel="flash")
    with Called() as called:
        prepared.step()
    assert called.key_heads == {2}
    assert "repeat_interleave" not in called.names


def test_queries_under_autocast_count_as_what_they_are_lowered_to():
    query = torch.zeros(1)
    assert product_format(query) is torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product_format(query) is torch.bfloat16


def test_a_decode_step_never_waits_for_the_host():
    prepared = work("llama", "decode")
    prepared.reset()
    with Called() as called:
        prepared.step()
    assert "argmax" in called.names
    assert not called.names & {"_local_scalar_dense", "item", "nonzero"}


def test_a_call_is_made_again_with_what_it_had():
    call = Call((1, 2, 3, 8), (1, 2, 4, 8), (1, 2, 4, 8), (1, 1, 3, 4), torch.bool, False, False,
                torch.bfloat16)  # fmt: skip
    assert [one.dtype for one in call.tensors(CPU, trained=True)] == [torch.bfloat16] * 3
    assert call.masked(CPU).all()


def test_trying_kernels_draws_none_of_the_steps_random_numbers():
    shape = (1, 2, 8, 16)
    call = Call(shape, shape, shape, None, None, True, False, torch.float32)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    choose(Counter([call]), torch.device("cpu"), None, trained=True)
    assert torch.equal(torch.rand(3), expected)
