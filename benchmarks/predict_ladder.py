"""How far the largest model of a machine's ladder is off, predicted from its two smallest.

Reads a store that `modelworth bench` filled. For each device, precision and kind of work the fit
sees the two smallest decoders only; the largest one is predicted and set against its measurement.

    .venv/bin/python -m benchmarks.predict_ladder --store modelworth.db
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median

from modelworth.costmodel.prediction.own_machine import (
    KINDS,
    MachineFit,
    case_of,
    machine_fits,
    step_flops,
)
from modelworth.data.errors import ModelworthError
from modelworth.data.measurement import Measurement
from modelworth.data.store import open_store

TARGET = 0.15


@dataclass(frozen=True)
class Outcome:
    """One kind of work on one device."""

    device: str
    precision: str
    work: str
    fitted_on: tuple[str, ...]
    largest: str
    measured_s: float
    predicted_s: float
    error: float
    low_s: float
    high_s: float
    runs: int


def main(arguments: list[str] | None = None) -> int:
    """Print the outcomes; status 1 if any error is over the target or there is none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", help="store of measurements (default: modelworth.db here)")
    parser.add_argument("--models", default="ladder-", help="start of the models' names")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        with open_store(options.store, create=False) as store:
            records = [one for one in store.measurements() if one.status == "ok"]
    except ModelworthError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    outcomes = list(ladder_outcomes(records, options.models))
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        show(outcomes)
    return 0 if outcomes and all(abs(one.error) <= TARGET for one in outcomes) else 1


def ladder_outcomes(records: Iterable[Measurement], models: str) -> Iterator[Outcome]:
    """All records of the two smallest sizes fitted, the largest predicted."""
    groups: dict[tuple[str, str, str], dict[str, list[Measurement]]] = {}
    for record in records:
        work = record.workload
        if work.kind in KINDS and record.model.name.startswith(models) and record.model.config:
            key = (record.machine.device, work.precision, work.kind)
            groups.setdefault(key, {}).setdefault(record.model.name, []).append(record)
    for (device, precision, kind), by_model in groups.items():
        ladder = sorted(by_model.values(), key=lambda runs: step_flops(case_of(runs[0])))
        fits = machine_fits([record for runs in ladder[:2] for record in runs])
        if len(ladder) < 3 or not fits:
            continue
        yield outcome(device, precision, kind, ladder, fits[0])


def outcome(
    device: str, precision: str, kind: str, ladder: list[list[Measurement]], fit: MachineFit
) -> Outcome:
    """The largest model's predicted step against the median of those measured."""
    largest = ladder[-1][0]
    case = case_of(largest)
    predicted = float(fit.times(case).step_s[0])
    measured = median(run.result.latency.p50_s for run in ladder[-1])
    factor = fit.factor90(case)
    return Outcome(
        device=device,
        precision=precision,
        work=kind,
        fitted_on=tuple(runs[0].model.name for runs in ladder[:2]),
        largest=largest.model.name,
        measured_s=measured,
        predicted_s=predicted,
        error=predicted / measured - 1,
        low_s=predicted / factor,
        high_s=predicted * factor,
        runs=min(len(runs) for runs in (*ladder[:2], ladder[-1])),
    )


def show(outcomes: list[Outcome]) -> None:
    """One line for each kind of work."""
    for one in outcomes:
        inside = "in" if one.low_s <= one.measured_s <= one.high_s else "out of"
        print(
            f"{one.device}, {one.precision}, {one.work}: {one.largest} from "
            f"{' and '.join(one.fitted_on)}: predicted {one.predicted_s * 1e3:.4g} ms, measured "
            f"{one.measured_s * 1e3:.4g} ms ({one.error:+.1%}, {inside} the 90% interval)"
            f" from {one.runs} run{'s' if one.runs > 1 else ''}"
        )
    if not outcomes:
        print("no ladder of three sizes here; run: modelworth bench --suite quick")


if __name__ == "__main__":
    sys.exit(main())
