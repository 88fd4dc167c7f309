"""`modelworth study`: data, learning, privacy and explanations measured on this machine."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.command_text import command_text
from modelworth.data.drafts import write_whole
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.store import Store, open_store

if TYPE_CHECKING:
    from modelworth.bench.study.case import StudyCase, StudyName
    from modelworth.bench.study.corpus import Corpus
    from modelworth.bench.study.plans import Extent
    from modelworth.bench.study.texts import Document

STUDIES = ("data", "learning", "privacy", "explain")
EPILOG = """examples:
  modelworth study data ./our-files          read, filter, deduplicate, tokenise, pack: MB/s;
                                             images of the folder decoded and resized
  modelworth study learning                  a ladder of sizes and budgets on a default text
  modelworth study learning ./our-texts      on your own: plain text, JSON lines or Parquet
  modelworth study learning --quick          the same in a minute or two
  modelworth study learning --sizes 64x4,128x6,256x8 --tokens 1e6,2e6,4e6 --device cuda
  modelworth study privacy ./our-texts       plain training against DP-SGD, LoRA too
  modelworth study explain                   four ways to explain: cost, and whether they hold
  modelworth study --report chain.md         what the store's studies found, as a page
A study that was stopped goes on where it was; --again begins anew.
"""
VOCABULARY = 512
BYTES_PER_TOKEN = 2.5
"""Of the default text at this vocabulary, rounded up."""
HELD_OUT_TOKENS = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EPILOG
    parser.set_defaults(parser=parser)  # from which the command is rebuilt
    parser.add_argument("what", nargs="?", choices=(*STUDIES, "all"), help="which study")
    parser.add_argument("folder", nargs="?", type=Path, help="text of yours; default: see docs")
    parser.add_argument("--quick", action="store_true", help="few small runs, a minute or two")
    parser.add_argument("--sizes", help="nets as width x layers: 32x2,64x4")
    parser.add_argument("--tokens", help="budgets of tokens: 1e5,4e5")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU if there is one")
    parser.add_argument("--again", action="store_true", help="run what the store has, too")
    parser.add_argument("--time-limit-s", type=float, default=600.0, help="for each run")
    parser.add_argument("--store", metavar="URL", help="where measurements are kept")
    parser.add_argument("--json", action="store_true", help="print the measurements as JSON lines")
    parser.add_argument("--report", metavar="FILE", help="write what was found as Markdown")


def run(options: argparse.Namespace) -> int:
    """Run the verb; status 1 when nothing could be measured."""
    if options.what is None and not options.report:
        raise InputError("study", "nothing", f"one of {', '.join((*STUDIES, 'all'))}, or --report")
    good = True
    with open_store(options.store, create=options.what is not None) as store:
        if options.what is not None:
            chosen = STUDIES if options.what == "all" else (options.what,)
            ends = [_study(name, options, store) for name in chosen]
            good = any(ends)
        if options.report:
            _report(Path(options.report), store)
    return 0 if good else 1


def _study(name: str, options: argparse.Namespace, store: Store) -> bool:
    """Run one study; whether anything of it is there."""
    makers: dict[str, Callable[..., tuple[list[StudyCase], Corpus | None]]] = {
        "data": _data,
        "learning": _learning,
        "privacy": _privacy,
        "explain": _explain,
    }
    cases, corpus = makers[name](options)
    found = _followed(cases, corpus, options, store)
    if options.json:
        for measurement in found:
            print(serialise(measurement))
    else:
        _show(name, store)
    return not found or any(one.status == "ok" for one in found)


def _followed(
    cases: Sequence[StudyCase], corpus: Corpus | None, options: argparse.Namespace, store: Store
) -> list[Measurement]:
    """The records of the runs that were still to do, each told on standard error."""
    from modelworth.bench.study import runner

    found = []
    steps = runner.run(
        cases,
        store,
        corpus=corpus,
        folder=options.folder,
        again=options.again,
        time_limit_s=options.time_limit_s,
        command=command_text("study", options.parser, options),
    )
    for step in steps:
        if step.measurement is None:
            continue
        found.append(step.measurement)
        said = step.trouble or _said(step.measurement)
        print(f"{step.index}/{step.total}  {step.case.label}: {said}", file=sys.stderr, flush=True)
    if len(found) < len(cases):
        there = len(cases) - len(found)
        print(f"{there} of {len(cases)} runs were there already", file=sys.stderr)
    return found


def _said(measurement: Measurement) -> str:
    """A run's outcome in a line."""
    if measurement.result is None or measurement.study is None:
        return f"{measurement.status}: {measurement.reason}"
    figures = measurement.study.figures.items()
    return ", ".join(f"{key} {found.value:.4g}" for key, found in figures)


def _data(options: argparse.Namespace) -> tuple[list[StudyCase], Corpus | None]:
    from modelworth.bench.study import data, plans, texts
    from modelworth.bench.timing.machine import cores

    require("datasketch")
    require("PIL")
    folder = None if options.folder is None else str(options.folder)
    pictures = None if folder is None else data.source_files(folder, "images")
    only_pictures = bool(pictures) and not texts.text_files(options.folder)
    corpus = None if only_pictures else plans.digest(data.source_files(folder))
    return plans.data(_extent("data", options), corpus, cores(), pictures), None


def _learning(options: argparse.Namespace) -> tuple[list[StudyCase], Corpus | None]:
    from modelworth.bench.study import plans

    extent = _extent("learning", options)
    corpus = _corpus(options, max(extent.tokens))
    return plans.learning(extent, corpus.vocabulary, corpus.digest, _device(options)), corpus


def _privacy(options: argparse.Namespace) -> tuple[list[StudyCase], Corpus | None]:
    from modelworth.bench.study import plans

    require("opacus")
    extent = _extent("privacy", options)
    corpus = _corpus(options, extent.base_tokens)
    return plans.privacy(extent, corpus.vocabulary, corpus.digest, _device(options)), corpus


def _explain(options: argparse.Namespace) -> tuple[list[StudyCase], Corpus | None]:
    from modelworth.bench.study import plans

    require("captum")
    return plans.explain(_extent("explain", options), _device(options)), None


def require(package: str) -> None:
    """See that an optional package is there, before any run.

    Raises:
        ModuleNotFoundError: if it isn't; the command line says how to get it.
    """
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)


def _sizes(text: str) -> tuple[str, ...]:
    """Nets as typed, each checked."""
    from modelworth.bench.study.shape import size

    sizes = tuple(part.strip() for part in text.split(","))
    for part in sizes:
        size(part)
    return sizes


def _extent(study: StudyName, options: argparse.Namespace) -> Extent:
    """How far the study goes, as the options ask."""
    from modelworth.bench.study.plans import QUICK, STANDARD

    extent = (QUICK if options.quick else STANDARD)[study]
    if options.sizes and study != "data":
        sizes = _sizes(options.sizes)
        extent = replace(extent, sizes=sizes, image_sizes=sizes)
    if options.tokens and study == "learning":
        tokens = tuple(sorted(_count(text) for text in options.tokens.split(",")))
        repeated = ((tokens[0], tokens[-1]),) if len(tokens) > 1 else ()
        extent = replace(extent, tokens=tokens, repeated=repeated)
    return extent


def _count(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1000 <= value <= 1e15:
        raise InputError("--tokens", text, "a number of tokens from 1000 on, such as 4e5")
    return int(value)


def _corpus(options: argparse.Namespace, tokens: int) -> Corpus:
    """The text, encoded: no more of it than the budgets need."""
    from modelworth.bench.study import corpus, texts

    wanted = int((tokens * 10 / 9 + 10 * HELD_OUT_TOKENS) * BYTES_PER_TOKEN)
    if options.folder is None:
        return corpus.build(texts.package_documents(wanted), VOCABULARY, "the default text")
    documents: Iterator[Document] = texts.folder_documents(options.folder)
    made = corpus.build(_first(documents, 2 * wanted), VOCABULARY, str(options.folder))
    if len(made.tokens) <= tokens:
        print(
            f"{options.folder} holds {len(made.tokens):,} training tokens: budgets beyond repeat",
            file=sys.stderr,
        )
    return made


def _first(documents: Iterator[Document], size: int) -> Iterator[Document]:
    """Documents until their text is of a size."""
    held = 0
    for document in documents:
        yield document
        held += len(document.text)
        if held > size:
            return


def _device(options: argparse.Namespace) -> str:
    from modelworth.bench.timing.machine import default_device

    return str(options.device or default_device())


def _show(name: str, store: Store) -> None:
    """What the store has of a study, as tables."""
    from modelworth.report.chain_document import section

    print("\n".join(section(name, _records(store))))


def _report(path: Path, store: Store) -> None:
    from modelworth.costmodel.architecture.loss_records import curves, learned
    from modelworth.report.chain_document import document
    from modelworth.report.chain_picture import learning_svg

    records = _records(store)
    found = curves(learned(records))
    picture = None
    if found is not None and importlib.util.find_spec("vl_convert"):
        picture = path.with_suffix(".svg")
        write_whole(picture, learning_svg(found[1]))
    write_whole(path, document(records, picture.name if picture else None))
    print(f"written: {path}{f', {picture}' if picture else ''}", file=sys.stderr)


def _records(store: Store) -> list[Measurement]:
    return list(store.measurements(kind="study"))
