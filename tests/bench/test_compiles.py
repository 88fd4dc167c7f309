"""Every family's step compiles as one graph, once: nothing in it falls back to Python."""

from __future__ import annotations

from functools import partial

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402
from modelworth.bench.run.isolation import WorkerEnd  # noqa: E402
from modelworth.bench.run.request import KINDS  # noqa: E402 torch may be absent
from modelworth.bench.work.blueprint import graph_breaks  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench import stub  # noqa: E402
from tests.bench.more_families import (  # noqa: E402
    CLIP,
    DIFFUSION,
    MORE_DECODERS,
    QWENS,
    RT_DETR,
    SEEING,
    SIGLIP,
    STATEFUL,
)
from tests.bench.test_record import seen  # noqa: E402
from tests.bench.tiny import CONFIGS, TEXT  # noqa: E402

MORE = {
    **{name: {**config, "model_type": name} for name, config in STATEFUL.items()},
    **SEEING, **MORE_DECODERS, **DIFFUSION,
    **QWENS, "clip": CLIP, "siglip": SIGLIP, "rt_detr": RT_DETR,
}  # fmt: skip
STEPS = [
    (name, kind)
    for name, config in CONFIGS.items()
    for kind in KINDS[zoo.family_of(config, name)]
    if kind != "finetune"  # pre-training's step
]
MORE_STEPS = [
    (name, kind)
    for name, config in MORE.items()
    for kind in KINDS[zoo.family_of(config, name)]
    if kind
    in (("pretrain", "decode") if name in STATEFUL else ("prefill", "decode", *KINDS["diffusion"]))
    if kind != "finetune"
]


@pytest.fixture
def whole_graphs(monkeypatch):
    """`torch.compile` that refuses to break a graph and to compile a second time.

    The graphs run as they were traced: what a code generator makes of them isn't asked here.
    """
    strict = partial(torch.compile, fullgraph=True, backend="eager")
    monkeypatch.setattr(torch, "compile", strict)
    with torch._dynamo.config.patch(error_on_recompile=True):
        torch._dynamo.reset()
        yield
        torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
@pytest.mark.parametrize(("name", "kind"), STEPS)
def test_a_step_is_one_graph_and_is_compiled_once(name, kind, whole_graphs):
    length = {"prompt_tokens": 12} if name in TEXT or (name, kind) == ("image", "decode") else {}
    new = {"new_tokens": 4} if kind == "generate" and name != "image" else {}
    asked = {"precision": "float32", "batch": 2, "compiled": True, **length, **new}
    case = Task(model=name, config=CONFIGS[name], workload=Workload(kind=kind, **asked))
    run_thrice(prepare(case, "cpu"))


def run_thrice(work):
    for _ in range(3):
        if work.reset is not None:
            work.reset()
        work.step()
    assert work.compiled


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
@pytest.mark.parametrize("name", ["llama", "bert"])
def test_generated_code_is_one_graph_and_trains_alike(name, monkeypatch):
    """By the real code generator: loss in chunks, attention by its kernel, fused optimizer."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, fullgraph=True))
    losses = []
    for compiled in (False, True):
        torch._dynamo.reset()
        asked = {"precision": "float32", "batch": 2, "prompt_tokens": 12, "compiled": compiled}
        workload = Workload(kind="pretrain", **asked)
        work = prepare(Task(model=name, config=CONFIGS[name], workload=workload), "cpu")
        with torch._dynamo.config.patch(error_on_recompile=True):
            for _ in range(3):
                work.step()
        losses.append(work.step.loss)
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_generated_code_decodes_in_one_graph(precision, monkeypatch):
    """Joined projections, narrow weights and the next token, within one compiled function."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, fullgraph=True))
    torch._dynamo.reset()
    asked = {"precision": precision, "batch": 1, "prompt_tokens": 12, "compiled": True}
    workload = Workload(kind="decode", **asked)
    work = prepare(Task(model="llama", config=CONFIGS["llama"], workload=workload), "cpu")
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(3):
            work.reset()
            work.step()
    assert work.compiled
    assert work.fused_projections


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "kind"), MORE_STEPS)
def test_a_step_of_other_families_is_one_graph_and_is_compiled_once(name, kind, whole_graphs):
    config = MORE[name]
    family = zoo.family_of(config, name)
    if family == "diffusion":
        pytest.importorskip("diffusers")
    lengths = {"decoder": 8, "vision-language": 24}
    sizes = {"prompt_tokens": lengths[family]} if family in lengths else {}
    sizes |= {"image_pixels": 64} if name in ("rt_detr", "flux", "segformer") else {}
    sizes |= {"image_pixels": 32} if name in QWENS else {}
    if kind == "generate":
        sizes |= {"denoising_steps": 3} if family == "diffusion" else {"new_tokens": 4}
    attention = zoo.usual_attention(zoo.resolve(name, config=config))
    asked = {"precision": "float32", "batch": 2, "compiled": True, "attention": attention, **sizes}
    run_thrice(
        prepare(Task(model=name, config=config, workload=Workload(kind=kind, **asked)), "cpu")
    )


def test_a_broken_graph_says_where():
    torch._dynamo.utils.graph_break_reasons.clear()

    def looks(given):
        return given + 1 if given.sum() > 0 else given

    torch.compile(looks, backend="eager")(torch.ones(2))
    (place,) = graph_breaks()
    assert place.startswith("test_compiles.py:")
    found = seen().model_copy(update={"graph_breaks": ("modeling.py:7",)})
    outcome = WorkerEnd(status="ok", value=found.model_dump_json())
    session = stub.session(None)
    (told,) = session._recorded(stub.case(), outcome)
    assert told.message.endswith("compiled in pieces, as the model's own code stops a graph: "
                                 "modeling.py:7")  # fmt: skip
