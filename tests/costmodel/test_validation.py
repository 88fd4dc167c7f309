"""Refitting and validating on a folder: what comes out is complete, written, and read again."""

from __future__ import annotations

import pytest

from modelworth.costmodel.prediction.efficiency import NAMES, read_tables, shipped_tables
from modelworth.costmodel.prediction.refit import kernel_rows, read_published, refit, write_tables
from modelworth.costmodel.prediction.validation import markdown, validate
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.published_rows import SERVING, TABLES, TRAINING, VISION


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    for name, text in (("training", TRAINING), ("vision", VISION)):
        (folder / f"{name}_throughput.csv").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def all_facts(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("all_facts")
    for path in facts.iterdir():
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (folder / "serving_throughput.csv").write_text(SERVING, "utf-8")
    return folder


@pytest.fixture(scope="module")
def report(facts):
    return validate(facts)


def test_tables_refitted_are_read_again_as_they_were(facts, tmp_path):
    tables = refit(facts)
    write_tables(tables, tmp_path)
    again = read_tables(tmp_path)
    assert again.coefficients == tables.coefficients
    assert again.residuals == tables.residuals
    assert again.kernels == tables.kernels
    for kind in ("train", "forward", "serve"):
        assert all(again.value(kind, "common", "all", name) for name in NAMES)
        assert again.factor90(kind, 3) >= again.factor90(kind, 0) >= 1


@pytest.mark.slow
def test_dense_and_sparse_serving_are_scored_apart(all_facts):
    report = validate(all_facts)
    tables = {score.table for score in report.scores}
    assert tables >= {"training", "vision", "serving, dense", "serving, experts"}
    assert {"serving, dense", "serving, experts"} <= {score.table for score in report.simple}
    write_to = refit(all_facts)
    assert {row.kind for row in write_to.residuals} == {
        "train",
        "forward",
        "serve",
        "serve experts",
    }


def test_a_report_scores_every_table_against_simple_rules(report):
    tables = {score.table for score in report.scores}
    assert {score.table for score in report.simple} == {"training", "vision"} <= tables
    fitted = [score for score in report.scores if score.left_out == "nothing"]
    assert all(score.median < 0.35 for score in fitted)
    assert "simple rule" in report.text


def test_the_page_has_the_chart_and_every_group(report):
    page = markdown(report, "accuracy.svg")
    assert "(accuracy.svg)" in page
    for score in report.scores:
        for name, *_ in score.groups:
            assert name in page


def test_points_carry_what_was_measured(report):
    measured = {point.measured for point in report.points}
    assert measured <= {1039, 10643, 19271, 1570.66, 912.7, 346.11}


def test_excluded_rows_are_named_and_not_fitted(tmp_path):
    lines = SERVING.replace("\\\n", "").splitlines()
    wrong = lines[-1].replace("vllm 0.18.0", "trtllm gpt-oss-dev").replace(",8,8,fp4", ",16,16,fp4")
    path = tmp_path / "serving_throughput.csv"
    path.write_text("\n".join([*lines, wrong]) + "\n", "utf-8")
    published = read_published(path, load_catalog())
    assert len(published.observed) == 3
    assert "multiplied" in published.refused[3]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="none of the files"):
        refit(tmp_path)


def test_shipped_intervals_widen_with_distance():
    tables = shipped_tables()
    for kind in ("train", "forward", "serve", "serve experts"):
        widths = [tables.factor90(kind, apart) for apart in range(4)]
        assert widths[0] <= min(widths[1:3])
        assert max(widths[1:3]) <= widths[3]
    assert set(TABLES) == {"training", "vision", "serving"}


KERNELS = """device,fw,gemm_dtype,m,tflops_p50,GBs_p90
NVIDIA H200,A,bfloat16,16,50,3600
NVIDIA H200,A,bfloat16,4096,800,100
NVIDIA H200,B,bfloat16,16,50,3200
NVIDIA H200,B,bfloat16,4096,700,100
NVIDIA H200,B,int4_wo,4096,700,100
Somebody's chip,B,bfloat16,4096,700,100
NVIDIA A100-SXM4-80GB,B,fp8,4096,700,100
"""


def test_kernel_shares_are_the_mean_over_libraries(tmp_path):
    """Known devices and precisions only; the judged rows stay beside the measured ones."""
    (tmp_path / "kernel_gemm_efficiency.csv").write_text(KERNELS, "utf-8")
    rows = {(row.device, row.precision): row for row in kernel_rows(tmp_path, load_catalog())}
    found = rows["H200 SXM 141GB", "bf16"]
    assert found.compute == pytest.approx(750 / 989, abs=1e-3)
    assert found.memory == pytest.approx(3400 / 4800, abs=1e-3)
    assert ("RTX 4090", "bf16") in rows
    assert ("A100 SXM 80GB", "fp8") not in rows


def test_an_unreadable_table_is_refused(tmp_path):
    (tmp_path / "training_throughput.csv").write_text("", "utf-8")
    with pytest.raises(InputError, match="readable CSV"):
        refit(tmp_path)
