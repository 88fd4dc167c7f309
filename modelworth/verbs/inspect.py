"""`modelworth inspect`: what a model consists of, keeps and computes, and what it fits on."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.bench.models.inspect import Inspected
    from modelworth.costmodel.architecture.structure import Architecture

NEAR = 0.01
"""How far a description's FLOPs may be from the counter's without a word."""

CONTEXT, MOST_TOKENS = 4096, 100_000_000

EXAMPLES = """examples:
  modelworth inspect llama-3.1-8b
  modelworth inspect checkpoint/config.json --context 32768 --json
  modelworth inspect checkpoint/ --save my-model
  modelworth inspect model.gguf
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "model",
        nargs="?",
        help="a config.json, its folder, a GGUF file, or a name of the catalogue",
    )
    parser.add_argument(
        "--context", type=int, help="tokens held (default 4096, or all that the model was made for)"
    )
    parser.add_argument(
        "--read", action="store_true", help="read the config only; don't build with transformers"
    )
    parser.add_argument(
        "--save",
        metavar="NAME",
        help="keep the description under a name, or as a file NAME.json, for predict, plan, "
        "evaluate, scenarios and the Predict page, also where there is no torch",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Describe a model and show it."""
    if not options.model:
        raise InputError("MODEL", "nothing", "a config.json, a folder, a GGUF file or a name")
    if options.context is not None and not 0 < options.context <= MOST_TOKENS:
        raise InputError("--context", options.context, f"1 to {MOST_TOKENS:,} tokens")
    from modelworth.costmodel.architecture.keys import optional

    config, name = _config(options.model)
    architecture, how = described(config, name, read_only=options.read)
    written = optional(config, "max_target_positions")  # of what hears and writes
    longest = architecture.longest or written or MOST_TOKENS
    context = min(CONTEXT, longest) if options.context is None else options.context
    if context > longest:
        raise InputError("--context", context, f"at most {longest:,}, which {name} was made for")
    kept = _save(architecture, how, options) if options.save else None
    from modelworth.verbs.inspect_display import document, show

    if options.json:
        print(json.dumps(document(architecture, how, context), indent=2))
    else:
        show(architecture, how, context)
        if kept:
            print(f"\nKept in {kept}: modelworth predict --model {options.save} …")
    return 0


def _config(model: str) -> tuple[dict[str, Any], str]:
    """The dictionary that a name or path stands for, and what to call the model."""
    from modelworth.data.model_files import read_model_file

    path = Path(model)
    if path.suffix.lower() == ".gguf":
        from modelworth.data.gguf_header import read_gguf

        return read_gguf(path), path.stem
    if path.is_dir() or path.suffix == ".json" or path.exists():
        folder = path if path.is_dir() else path.parent
        generic = path.is_dir() or path.stem == "config"
        return read_model_file(path), folder.resolve().name if generic else path.stem
    from modelworth.data.catalog import load_catalog

    entry = load_catalog().model(model)
    return entry.config, entry.name


def described(
    config: dict[str, Any], name: str, *, read_only: bool = False
) -> tuple[Architecture, str]:
    """The architecture, and how it was found: read, built, or both in agreement.

    Raises:
        InputError: if the config is wrong, or neither way knows its type.
    """
    from modelworth.costmodel.architecture.keys import NotReadError
    from modelworth.costmodel.architecture.plausible import require_plausible
    from modelworth.costmodel.architecture.read import knows, read_model

    require_plausible(config)
    if knows(config):
        try:
            read = read_model(config, name)
        except NotReadError:
            if read_only or not _can_build(config):
                raise
            return built_architecture(config, name), "built"
        if read_only or read.model_type is None or not _can_build(config):
            return read, "read"
        from modelworth.bench.models.inspect_build import LacksLibraryError

        try:
            return _joined(read, built_architecture(config, name))
        except LacksLibraryError as error:
            return read, f"read, not built: {str(error.found).split('. ')[0]}"
    if not read_only and not _can_build(config):
        raise _unknown(config)
    if read_only:
        read_model(config, name)  # refuses, and says what would do
    return built_architecture(config, name), "built"


def _unknown(config: dict[str, Any]) -> InputError:
    """Why a type that reading doesn't know can't be built either, and what would be needed."""
    kind = str(config.get("model_type"))
    if not find_spec("torch") or not find_spec("transformers"):
        allowed = "a type that reading knows (docs/models.md), or pip install 'modelworth[bench]'"
    else:
        code = "; code that comes with a checkpoint isn't run" if "auto_map" in config else ""
        allowed = f"one that reading knows (docs/models.md) or the installed transformers has{code}"
    return InputError("config: model_type", kind, allowed)


def _can_build(config: dict[str, Any]) -> bool:
    """Whether transformers is here and has the type, found out without importing it."""
    from modelworth.costmodel.architecture.defaults import named_types

    spec = find_spec("transformers")
    if "modelworth_architecture" in config or not find_spec("torch") or spec is None:
        return False
    words = config.get("quantization_config")
    if isinstance(words, dict) and words.get("quant_method") == "gguf":
        return False  # its header says enough
    kind = str(config.get("model_type"))
    folder = Path(spec.origin or "").parent / "models" / kind.replace("-", "_")
    return kind in {*named_types(), "kimi_k2"} or (kind.isidentifier() and folder.is_dir())


def built_architecture(config: dict[str, Any], name: str) -> Architecture:
    """The architecture as its class builds it, with the bits that its own files say."""
    from dataclasses import replace

    from modelworth.bench.models.inspect import inspected
    from modelworth.costmodel.architecture.read import read_model, with_storage

    found = inspected(config, name)
    made = read_model(found.description, name)
    off = flops_off(made, found)
    if off is not None and abs(off) > NEAR:
        said = f"its layers' FLOPs are {off:+.0%} from those of a counted pass"
        made = replace(made, note="; ".join(filter(None, (made.note, said))))
    return with_storage(made, config)


def flops_off(built: Architecture, found: Inspected) -> float | None:
    """How far a description is from the counter, over the longest pass that was counted."""
    from modelworth.costmodel.architecture.work import forward_flops

    if not found.flops:
        return None
    tokens = None if built.patches is not None else found.tokens
    return float(forward_flops(built, 1, tokens, found.source)) / found.flops - 1


def _joined(read: Architecture, built: Architecture) -> tuple[Architecture, str]:
    """What was read, confirmed by what was built; what was built where they differ."""
    from dataclasses import replace

    if read.parameters != built.parameters:
        return built, f"built (reading gives {read.parameters:,} parameters)"
    return replace(read, built_class=built.built_class), "read, and built alike"


def _save(architecture: Architecture, how: str, options: argparse.Namespace) -> Path:
    """Keeps the description under a name that the catalogue doesn't have, or in a file."""
    from modelworth.costmodel.architecture.description import describe
    from modelworth.data.catalog import load_catalog
    from modelworth.data.kept_models import is_path, keep

    if not is_path(options.save) and load_catalog().ships_model(options.save):
        raise InputError("--save", options.save, "a name that no shipped model has")
    said = {
        "parameters_total": architecture.parameters,
        "parameters_active": architecture.active_parameters,
        "source": f"{Path(options.model).name}, {how}",
        "as_of": date.today().isoformat(),  # noqa: DTZ011 - the user's own day
    }
    return keep(describe(architecture), options.save, said)
