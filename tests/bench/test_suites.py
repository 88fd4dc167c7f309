"""Requests become complete cases; suites are what they say; a budget takes what tells most."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from modelworth.bench.models import zoo
from modelworth.bench.run import expected, suites
from modelworth.bench.run.request import FLAGS, KINDS, Request
from modelworth.bench.run.sweep import expanded
from modelworth.bench.work.task import Task
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

FAMILIES = ("llama", "gpt", "moe", "bert", "roberta", "t5", "vit", "yolos", "dalle")


def workload(device="cpu", **asked):
    return Request(**asked).case(device).workload


def test_a_case_survives_the_way_to_its_worker():
    case = Request(model="ladder-1m", work="decode").case("cpu")
    assert Task.model_validate_json(case.model_dump_json()) == case


def test_every_choice_changes_the_case():
    asked = {"model": "ladder-1m", "work": "pretrain"}
    choices = [
        {},
        {"model": "ladder-4m"},
        {"work": "finetune"},
        {"batch": 7},
        {"precision": "bfloat16"},
        {"compile": True},
        {"attention": "eager"},
        {"data_parallel": 2},
        {"seed": 1},
    ]
    ids = {Request(**{**asked, **choice}).case("cpu").id for choice in choices}
    assert len(ids) == len(choices)
    assert Request(**asked).case("cpu").id == Request(**asked, batch=1).case("cpu").id


def test_defaults_are_the_devices():
    here = workload(model="ladder-1m", work="pretrain")
    assert (here.precision, here.compiled, here.compile_mode) == ("float32", False, None)
    gpu = workload("cuda", model="llama-3.2-1b", work="decode")
    assert (gpu.precision, gpu.compiled, gpu.cuda_graphs) == ("bfloat16", True, True)
    assert gpu.optimizer is None
    off = workload("cuda", model="llama-3.2-1b", work="decode", compile=False, cuda_graphs=False)
    assert (off.compiled, off.cuda_graphs) == (False, False)
    assert workload(model="ladder-1m", work="decode", compile_mode="max-autotune").compiled


@pytest.mark.parametrize(
    ("model", "work", "expected"),
    [
        ("ladder-1m", "decode", (256, None, None)),
        ("ladder-1m", "generate", (256, 32, None)),
        ("bert-tiny", "forward", (128, None, None)),
        ("t5-1m", "decode", (128, 32, None)),
        ("vit-tiny", "forward", (None, None, 224)),
        ("detector-1m", "pretrain", (None, None, 256)),
        ("yolos-tiny", "forward", (None, None, None)),  # 800 × 1333, the config's own
        ("dalle-5m", "pretrain", (1280, None, None)),
        ("dalle-5m", "generate", (256, 1024, None)),
        ("dalle-5m", "decode", (768, None, None)),
    ],
)
def test_lengths_are_the_familys(model, work, expected):
    found = workload(model=model, work=work)
    assert (found.prompt_tokens, found.new_tokens, found.image_pixels) == expected


def test_a_lora_has_a_rank_and_an_optimizer():
    found = workload(model="ladder-1m", work="finetune_lora")
    assert (found.lora_rank, found.optimizer) == (16, "adamw_fused")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "ladder-1m", "work": "decode", "speed": 3}, "unknown key speed"),
        ({"model": "ladder-1m", "work": "decode", "batch": 0}, "greater than or equal to 1"),
        ({"model": "ladder-1m", "work": "sing"}, "pretrain"),
        ({"work": "decode"}, "no model"),
    ],
)
def test_nonsense_is_refused_with_its_place(options, words):
    with pytest.raises(InputError, match=words):
        expanded(options, "mine.yaml: cases.0", "cpu")


def test_a_model_is_asked_only_for_what_it_can_do():
    with pytest.raises(InputError, match="must be one of pretrain"):
        Request(model="bert-tiny", work="decode").case("cpu")
    with pytest.raises(InputError, match="ladder-1m"):
        Request(model="ladder-1n", work="decode").case("cpu")


def test_the_quick_suite_has_four_sizes_two_octaves_apart():
    cases = suites.load("quick", "cpu").cases
    models = list(dict.fromkeys(case.model for case in cases))
    sizes = [load_catalog().model(model).parameters_total for model in models]
    assert len(models) == 4
    assert all(3 <= larger / smaller <= 6 for smaller, larger in pairwise(sizes))
    assert {case.workload.kind for case in cases} == {"pretrain", "prefill", "decode"}
    assert sum(expected.each_s(suites.load("quick", "cpu").limits, cases)) < 80


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_standard_suite_trains_and_infers_every_family_at_three_sizes(device):
    suite = suites.load("standard", device)
    for family in FAMILIES:
        for training in (True, False):
            sizes = {
                case.model
                for case in suite.cases
                if case.model in zoo.LADDERS[family]
                and (case.workload.kind == "pretrain") == training
            }
            assert len(sizes) >= 3, (family, training)
    assert {"finetune", "finetune_lora", "generate"} <= {c.workload.kind for c in suite.cases}
    eager = [case for case in suite.cases if not case.workload.compiled]
    assert sum(expected.each_s(suite.limits, eager)) < 600


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_suite_of_families_trains_and_infers_each_at_two_sizes(device):
    suite = suites.load("families", device)
    for ladder, models in zoo.MORE_LADDERS.items():
        kinds = {}
        for case in suite.cases:
            if case.model in models:
                kinds.setdefault(case.workload.kind, []).append(case.model)
        assert "pretrain" in kinds, ladder
        assert len(kinds) > 1, ladder
        fewer = device == "cuda" and ladder == "flux"  # its largest fits no single GPU
        assert all(len(set(found)) == (2 if not fewer else len(found)) for found in kinds.values())
    largest = max(load_catalog().model(case.model).parameters_total for case in suite.cases)
    assert largest * 4 < 80e9


def test_larger_suites_hold_no_case_twice_and_no_model_that_cant_fit():
    for name in ("ladder", "full"):
        small = suites.load(name, "cpu", 2**30).cases
        large = suites.load(name, "cpu", 2**38).cases
        assert len({case.id for case in large}) == len(large)
        assert {case.id for case in small} < {case.id for case in large}
        assert "llama-3.1-8b" not in {case.model for case in small}


def test_every_kind_of_every_family_is_a_case():
    models = {
        "decoder": "ladder-1m",
        "image-decoder": "dalle-2m",
        "encoder": "bert-tiny",
        "encoder-decoder": "t5-1m",
        "vision": "vit-1m",
        "detector": "detector-1m",
    }
    for family, model in models.items():
        for kind in KINDS[family]:
            assert workload(model=model, work=kind).kind == kind


@pytest.mark.parametrize("name", ["quick", "standard"])
def test_training_of_the_suites_fits_into_80_gb(name):
    """State of 16 bytes and a 16-bit copy a parameter; 34·s·b·h a layer (Korthikanti et al. 2022);
    logits in 16 bits, in 32, and their gradient."""
    for case in suites.load(name, "cuda").cases:
        if case.workload.kind != "pretrain" or not case.workload.prompt_tokens:
            continue
        model = load_catalog().model(case.model)
        config = {"hidden_size": 0, "num_hidden_layers": 0, "vocab_size": 0, **model.config}
        hidden = config["hidden_size"] or config.get("n_embd") or config.get("d_model")
        layers = config["num_hidden_layers"] or config.get("n_layer") or 2 * config["num_layers"]
        tokens = case.workload.batch * case.workload.prompt_tokens
        needed = 18 * model.parameters_total + tokens * (
            34 * hidden * layers + 10 * config["vocab_size"]
        )
        assert needed < 0.95 * 80e9, (case.label, needed)


def test_a_compiled_case_is_expected_to_take_longer():
    on, off = (Request(model="ladder-1m", work="decode", compile=each) for each in (True, False))
    seconds = [expected.expected_s(suites.QUICK, each.case("cuda")) for each in (on, off)]
    layers = zoo.resolve("ladder-1m").config["num_hidden_layers"]
    per_layer_s = expected.COMPILING_S_PER_LAYER[False]
    assert seconds[0] - seconds[1] == pytest.approx(layers * per_layer_s)
    on = on.model_copy(update={"model": "llama-3.1-8b"})
    cases = (on.case("cuda"), *(off.model_copy(update={"batch": n}).case("cuda") for n in (2, 3)))
    suite = suites.Suite("s", cases, suites.QUICK)
    assert len(suites.within_budget(suite, 30).cases) == 1


def test_a_budget_takes_the_ends_of_each_group_first():
    suite = suites.load("quick", "cpu")
    each_s = expected.expected_s(suite.limits, suite.cases[0])
    three = suites.within_budget(suite, 4 + 3.1 * each_s).cases
    assert [case.model for case in three] == ["ladder-1m"] * 3
    six = suites.within_budget(suite, 4 + 6.7 * each_s).cases
    assert {case.model for case in six} == {"ladder-1m", "ladder-48m"}
    assert len(suites.within_budget(suite, 0.1).cases) == 1
    assert suites.within_budget(suite, 1e6) == replace(suite)


def test_a_suite_on_several_ranks_is_data_parallel():
    suite = suites.load("quick", "cpu")
    spread = suites.spread_over(suite, 4)
    assert {case.workload.layout.data for case in spread.cases} == {4}
    assert not {case.id for case in spread.cases} & {case.id for case in suite.cases}
    assert suites.spread_over(suite, 1) is suite


@pytest.mark.parametrize(("count", "order"), [(0, []), (1, [0]), (2, [0, 1]), (5, [0, 4, 2, 1, 3])])
def test_gaps_are_halved(count, order):
    assert suites._ends_first(count) == order


def test_a_file_of_ones_own(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\nlimits: {timed_s: 5}\ncases:\n"
        "  - {model: [ladder-1m, ladder-4m], work: [pretrain, decode], batch: [1, 8]}\n"
        "  - {model: ladder-1m, work: decode, prompt-tokens: 64}\n"
        "  - {model: ladder-1m, work: decode, batch: 8}\n"
    )
    suite = suites.load(str(file), "cpu")
    assert (suite.name, len(suite.cases), suite.limits.timed_s) == ("mine", 9, 5)
    assert suite.cases[-1].workload.prompt_tokens == 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1", "a mapping from keys to values"),
        (f"cases: [{{model: {'x' * 300}, work: decode}}]", "at most 200 characters"),
        ("cases: [{model: m, work: decode, trust_remote_code: true}]", "a file can't allow it"),
        (f"cases: [{{model: m, batch: {list(range(99))}, seed: {list(range(99))}}}]", "split the"),
        ("cases: [", "readable YAML"),
        ("cases: []\ncolour: red", "unknown key colour"),
        ("cases: [decode]", "a mapping such as"),
        ("cases: [{model: ladder-1m, work: decode, batch: many}]", "cases.0: batch"),
        ("cases: []\nlimits: {timed_s: -1}", "limits: timed_s"),
        ("cases: []\nlimits: 3", "a mapping such as"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path, text, words):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        suites.load(str(file), "cpu")


def test_an_unknown_suite_lists_the_known():
    with pytest.raises(InputError, match="quick, standard, families, ladder, full"):
        suites.load("quickly", "cpu")


def test_choices_are_swept_and_a_kind_takes_what_it_heeds():
    entry = {"model": "ladder-1m", "work": ["pretrain", "decode"], "precision": ["bf16", "fp32"],
             "optimizer": ["adamw", "adamw_fused"], "compile": ["on", "off"]}  # fmt: skip
    found = [case.workload for case in expanded(entry, FLAGS, "cpu")]
    assert len(found) == 2 * 2 * 2 + 2 * 2
    assert {one.optimizer for one in found if one.kind == "decode"} == {None}
    assert {one.precision for one in found} == {"bfloat16", "float32"}


@pytest.mark.parametrize("model", ["ladder-1m", "bert-tiny", "vit-1m"])
def test_without_a_kind_of_work_all_are_meant(model):
    family = zoo.resolve(model).family
    kinds = [case.workload.kind for case in expanded({"model": model}, FLAGS, "cpu")]
    assert tuple(kinds) == KINDS[family]


def test_every_mistake_is_told_once():
    entry = {"model": ["ladder-1m", "ladder-1n"], "work": ["decode", "sing"], "batch": ["0", "1.5"],
             "precision": ["bf17"], "compile": ["maybe"], "new-tokens": ["8"]}  # fmt: skip
    with pytest.raises(InputError) as caught:
        expanded(entry, FLAGS, "cpu")
    told = str(caught.value)
    for words in ("model: ladder-1n", "--work: sing", "--batch: 0", "--batch: 1.5", "bf16?",
                  "must be on or off", "decode doesn't heed it (generate would)"):  # fmt: skip
        assert told.count(words) == 1, (words, told)


@pytest.mark.parametrize(
    ("model", "kind", "choice"),
    [
        ("ladder-1m", "decode", "optimizer"),
        ("ladder-1m", "pretrain", "lora_rank"),
        ("ladder-1m", "forward", "cuda_graphs"),
        ("ladder-1m", "prefill", "image_pixels"),
        ("ladder-1m", "decode", "new_tokens"),
        ("vit-1m", "pretrain", "prompt_tokens"),
        ("bert-tiny", "forward", "gradient_accumulation"),
        ("bert-tiny", "forward", "clip_norm"),
    ],
)
def test_what_a_kind_of_work_ignores_is_refused(model, kind, choice):
    with pytest.raises(InputError, match="leave it out"):
        expanded({"model": model, "work": kind, choice: 2}, FLAGS, "cpu")


@pytest.mark.parametrize("precision", ["fp8", "fp4", "tf32"])
def test_a_format_that_the_device_lacks_is_refused_before_anything_is_probed(precision):
    with pytest.raises(InputError, match="bf16"):
        expanded({"model": "ladder-1m", "work": "decode", "precision": precision}, FLAGS, "cpu")


def test_images_have_the_size_that_the_record_says(tmp_path):
    """SegFormer takes any size: 224, unless one is asked for; ViT's config has its own default."""
    for kind, head, side in (
        ("segformer", "SegformerForSemanticSegmentation", 224),
        ("vit", "ViTForImageClassification", 224),
    ):
        file = tmp_path / f"{kind}.json"
        file.write_text(json.dumps({"model_type": kind, "architectures": [head]}))
        (case,) = expanded(
            {"model": str(file), "work": "forward", "attention": "eager"}, FLAGS, "cpu"
        )
        assert case.workload.image_pixels == side
