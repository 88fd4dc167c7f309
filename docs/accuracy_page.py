"""Makes docs/accuracy.md: errors, coverage, worst rows and the chart, from a validation.

`python -m docs.accuracy_page DIR`, where DIR holds published measurements: training_throughput.csv,
vision_throughput.csv, serving_throughput.csv and encoder_forward.csv, each also as `_2.csv`.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import altair as alt
import pandas as pd

from modelworth.costmodel.prediction.fit.observed import SHIPPED_ROWS
from modelworth.costmodel.prediction.fit.simple_rules import RULES
from modelworth.costmodel.prediction.fit.validation import Point, Report, score_table, validate

PAGE = Path(__file__).parent / "accuracy.md"

HEAD = """# How far predictions are off

Made by `python -m docs.accuracy_page DIR`; don't edit by hand.

Each row of the published tables, in both generations of files and among the rows that ship with the
project, is predicted with its whole group left out of the fit: its model, its device, its
generation of devices, or its software. Each such fit begins at the priors, so it knows nothing of
the group; only `nothing` scores the fit on its own rows.
Error is |predicted / measured − 1|; rows that differ only by a software's release count once.
`in 90%` is the share of rows inside the 90% interval that such a distance carries. `unseen` is the
share inside widths that saw no error of the left-out model, device, generation or software either,
which is what to expect of one that nobody measured. `chance` is the 95% binomial band around 90%,
for groups of 20 rows or more; ↓ and ↑ mark shares under and over it. Rows of one device share its
error, so that a group of few devices leaves that band by chance, too.

![Predicted against measured throughput, model left out]({chart})

"""
FOUND_LATER = """## Rows found after the fit

Read off public pages in November 2026 and predicted then, by the fit before the present one; not
used by either. Some are of devices or releases that it has.

| rows | | median | p90 | in 90% |
| --- | --: | --: | --: | --: |
| MaxText on TPU v4, 64 to 512 chips (AI-Hypercomputer/maxtext, configs/v4) | 6 | 2% | 3% | 6 of 6 |
| TensorRT-LLM 0.5 on L40S, fp8 (its docs/source/performance.md) | 8 | 15% | 18% | 8 of 8 |
| TensorRT-LLM 0.6.1 on H100, fp8, up to Falcon 180B (the same page) | 16 | 8% | 22% | 14 of 16 |
| NVIDIA NIM 1.8, Llama 70B on two H100, 1 to 250 in flight (NVIDIA) | 8 | 2% | 13% | 8 of 8 |
| vLLM 0.7.3 on eight MI300X, Llama 70B and 405B (ROCm/vllm) | 18 | 9% | 19% | 16 of 18 |
| BERT-large in TensorFlow 1.13 on V100 (NVIDIA/DeepLearningExamples) | 7 | 41% | 66% | 2 of 7 |

BERT's rows state no sequence length: 512 assumed.
"""


def markdown(report: Report, chart: str) -> str:
    """The page."""
    lines = [*HEAD.format(chart=chart).splitlines(), *score_table(report.scores)]
    lines += ["", "## Simple rules on the same rows", "", RULES, "", *score_table(report.simple)]
    lines += ["", *FOUND_LATER.splitlines()]
    lines += ["", "## Furthest off", ""]
    lines += [
        "| row (model left out) | measured | predicted | factor |",
        "| --- | --: | --: | --: |",
    ]
    lines += [
        f"| {point.name} | {point.measured:,.4g} | {point.predicted:,.4g} | "
        f"{point.predicted / point.measured:.2f} |"
        for point in report.worst
    ]
    lines += ["", "## Rows that aren't used", ""]
    lines += [f"- {rows} rows: {reason}." for reason, rows in report.rejected] or ["- none"]
    return "\n".join([*lines, ""])


def draw(points: Sequence[Point], path: Path) -> None:
    """One panel for each kind of work, both axes logarithmic, with the line of equality."""
    frame = pd.DataFrame([asdict(point) for point in points])
    axes = {
        "x": alt.X("measured:Q").scale(type="log", nice=False).title("measured, a second and GPU"),
        "y": alt.Y("predicted:Q").scale(type="log", nice=False).title("predicted"),
    }
    dots = (
        alt.Chart()
        .mark_circle(size=14, opacity=0.55)
        .encode(color=alt.Color("group:N").title("device"), **axes)
    )
    line = (
        alt.Chart()
        .mark_line(color="#555", strokeDash=[4, 3])
        .encode(x="measured:Q", y=alt.Y("measured:Q"))
    )
    chart = (
        alt.layer(line, dots, data=frame)
        .properties(width=260, height=230)
        .facet(facet=alt.Facet("table:N").title(None), columns=2)
        .resolve_scale(x="independent", y="independent")
    )
    chart.save(str(path))


def main() -> None:
    """Validate on a folder of published measurements and write the page and its chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    report = validate(parser.parse_args().folder, SHIPPED_ROWS)
    print(report.text)
    chart = PAGE.with_suffix(".svg")
    draw(report.points, chart)
    PAGE.write_text(markdown(report, chart.name), "utf-8")


if __name__ == "__main__":
    main()
