"""Every family's step compiles as one graph, once: nothing in it falls back to Python."""

from __future__ import annotations

from functools import partial

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402
from modelworth.bench.run.request import KINDS  # noqa: E402 torch may be absent
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.tiny import CONFIGS, TEXT  # noqa: E402

STEPS = [
    (name, kind)
    for name, config in CONFIGS.items()
    for kind in KINDS[zoo.family_of(config, name)]
    if kind != "finetune"  # pre-training's step
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
    work = prepare(case, "cpu")
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
