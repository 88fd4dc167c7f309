"""What a notebook needs: measure, price, compare and report, each in one call.

Thin functions over the rooms, which the command line calls, too. Nothing here computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError, ModelworthError

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import Analysis
    from modelworth.costmodel.prediction.predictor import Prediction
    from modelworth.costmodel.scenario.scenario import Scenario
    from modelworth.data.measurement import Measurement
    from modelworth.data.store import Store


def load_scenario(
    name: str | Path | Scenario, changes: Mapping[str, Any] | None = None
) -> Scenario:
    """A scenario with changes to its drivers.

    Args:
        name: a YAML file, the name of a shipped scenario (`chat_api_startup`), or a scenario.
        changes: driver → number, word or distribution, such as
            `{"demand.growth_per_year": 0.8, "compute.serving": "owned"}`.

    Raises:
        InputError: if there is none, or a field can't be right: where, found, what is allowed.
    """
    from modelworth.costmodel.scenario import scenario as scenarios

    found = name if isinstance(name, scenarios.Scenario) else scenarios.load(name)
    return scenarios.with_overrides(found, changes) if changes else found


def measure(
    suite: str | None = None,
    store: Store | str | None = None,
    *,
    model: str | None = None,
    work: str | None = None,
    timed_s: float | None = None,
    **choices: Any,
) -> tuple[Measurement, ...]:
    """Measure a suite, or one kind of work of one model, on this machine.

    Args:
        suite: `quick` (if no model is named), `standard`, `ladder`, `full`, or a YAML file.
        store: where records go; an address, or the default store if None.
        model: a name of the catalogue, a folder, or a config.json.
        work: `pretrain`, `finetune`, `finetune_lora`, `prefill`, `decode`, `generate`, `forward`;
            None: all of them that the model can do.
        timed_s: seconds of timed steps, and of warm-up at most, for each case; the suite's if None,
            20 for one model.
        choices: `batch`, `prompt_tokens`, `precision`, … as in a suite's file; lists are swept.

    Returns:
        The records, in the order in which they were measured; a failure is a record, too.

    Raises:
        InputError: if what is asked for can't be measured.
        ModelworthError: if records couldn't be stored.
    """
    from modelworth.bench.run import runner, suites, sweep
    from modelworth.bench.run.session import Session
    from modelworth.bench.timing.machine import default_device, detect

    device = default_device()
    if model is None:
        asked = suites.load(suite or "quick", device, detect(device).memory_bytes)
    elif suite is not None:
        raise InputError("suite", suite, advice="name a suite or a model, not both")
    else:
        entry = {"model": model, **({"work": work} if work else {}), **choices}
        asked = suites.Suite("case", sweep.expanded(entry, "measure", device), suites.THOROUGH)
    limits = asked.limits
    if timed_s is not None:
        limits = limits.model_copy(update={"timed_s": timed_s, "warmup_s": timed_s})
    with _opened(store) as kept:
        name = asked.name if model is None else None
        events = runner.run(asked.cases, Session(kept, limits, suite=name))
        return tuple(event.measurement for event in events if event.measurement is not None)


def predict(
    model: str,
    gpu: str,
    *,
    work: str = "serve",
    concurrency: float | None = None,
    store: Store | str | Iterable[Measurement] | None = None,
    **asked: Any,
) -> Prediction:
    """Time and throughput of what nobody measured, with a 90% interval.

    Args:
        model: a name of the catalogue, or the path of a config.json.
        gpu: a device of the catalogue.
        work: `serve`, `train`, `prefill`, `decode` or `forward`.
        concurrency: requests that clients keep in flight (serve).
        store: own records that calibrate; None: the published tables alone.
        asked: fields of a `Case`: `gpus`, `precision`, `batch`, `tokens`, `new_tokens`,
            `software`, `tensor`, …; without a layout the best one is found.

    Raises:
        InputError: if a name isn't known, or the case can't be: what, and what would fit.
    """
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.layouts import laid_out
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.data.catalog import load_catalog
    from modelworth.data.store import Store

    if concurrency is not None:
        asked["batch"] = concurrency
    catalog = load_catalog()
    architecture = named(model, catalog)
    if isinstance(store, Store | str):
        with _opened(store, create=False) as kept:
            records = kept.evidence(architecture.name, catalog.same_device(gpu))
    else:
        records = list(store or ())
    case = Case.on(architecture, catalog.accelerator(gpu), work=work, **asked)
    predictor = Predictor(catalog, records=records)
    return predictor.require(laid_out(case, predictor, asked) or case)


def evaluate(
    scenario: Scenario | str | Path,
    store: Store | str | Iterable[Measurement] | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    trials: int | None = None,
    seed: int | None = None,
    parts: Sequence[str] | None = None,
    **options: Any,
) -> Analysis:
    """Everything that can be said about a scenario: indicators, risk, options, verdict.

    Args:
        scenario: the question; a file or the name of a shipped scenario will do.
        store: the measurements that capacity may rest on: a store, its address, or records. None:
            the default store where there is one and the scenario rests on measurements.
        changes: drivers that stand otherwise, as for `load_scenario`.
        trials: draws of the uncertain drivers; the scenario's number if None, 0 for none.
        seed: of the draws; the scenario's if None.
        parts: of `risk`, `sensitivity`, `tornado`, `flips`, `break_even`, `options`; all if None.
        options: `progress`, `cancelled`, `today` of `costmodel.evaluate.evaluate`.

    Raises:
        InputError: if the scenario, the store, or a part is wrong.
    """
    from modelworth.costmodel.evaluate import PARTS
    from modelworth.costmodel.evaluate import evaluate as evaluated

    question = load_scenario(scenario, changes)
    records, digest = measurements(question, store)
    return evaluated(
        question, records, trials=trials, seed=seed,
        parts=PARTS if parts is None else parts, store_digest=digest, **options,
    )  # fmt: skip


def compare(
    scenario: Scenario | str | Path, store: Store | str | None = None, **options: Any
) -> Analysis:
    """The ways to serve a scenario's demand side by side: `analysis.options`.

    Arguments and errors as for `evaluate`.
    """
    return evaluate(scenario, store, parts=("options",), **options)


def write_report(
    analysis: Analysis,
    folder: str | Path = "out",
    formats: Sequence[str] = ("html",),
    language: str = "en",
    day: date | None = None,
) -> tuple[Path, ...]:
    """Write an analysis as documents.

    Args:
        analysis: what `evaluate` returned.
        folder: made if absent.
        formats: some of `html`, `pdf`, `xlsx`, `pptx`, `md`, `json`.
        language: `en` or `zh_CN`.
        day: printed on the documents; the same day gives the same bytes. Today if None.

    Raises:
        InputError: if a format or language is unknown, or the folder can't be made.
        ModelworthError: if a format could not be made; the others are there.
    """
    from modelworth.report.files import write

    written = write(analysis, Path(folder), formats, language, date=day)
    failed = [f"{one.format}: {one.error}" for one in written if one.error is not None]
    if failed:
        raise ModelworthError("\n".join(failed))
    return tuple(one.path for one in written if one.path is not None)


def measurements(
    scenario: Scenario, store: Store | str | Iterable[Measurement] | None
) -> tuple[list[Measurement], str | None]:
    """The records that a scenario may rest on, and the hash of the store that they come from.

    A store that nobody named and that isn't there yet counts as empty, and then a database's
    library isn't even loaded.
    """
    if store is None:
        nowhere = not os.environ.get("MODELWORTH_STORE") and not Path("modelworth.db").exists()
        if nowhere or scenario.word("capacity.basis") == "given":
            return [], None
    from modelworth.data.catalog import load_catalog
    from modelworth.data.store import Store

    hardware = scenario.hardware
    if not isinstance(store, Store | str | None):
        return list(store), None
    with _opened(store, create=False) as kept:
        is_device = load_catalog().same_device(hardware.accelerator)
        return kept.evidence(hardware.model, is_device), kept.digest()


def _opened(store: Store | str | None, *, create: bool = True) -> Any:
    """The store as a context; one that the caller opened stays open."""
    from contextlib import nullcontext

    from modelworth.data.store import Store, open_store

    return nullcontext(store) if isinstance(store, Store) else open_store(store, create=create)
