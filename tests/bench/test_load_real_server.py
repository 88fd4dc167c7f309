"""From a real server under load to a verdict and a report that cite the measurement."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelworth.bench.load.words import WORDS
from modelworth.cli import main
from modelworth.data.store import open_store

SCENARIO = """
text: {en: {name: Tiny, question: Does it pay, finding: none}}
months: 12
start: 2026-12
capacity: {basis: measured, objective: {ttft_p95_s: 100.0, tpot_p95_s: 100.0}}
demand:
  requests_per_month: 1e5
  prompt_tokens_per_request: 64
  output_tokens_per_request: 12
  reasoning_factor: 1
revenue:
  api: {price_usd_per_million_input_tokens: 5, price_usd_per_million_output_tokens: 20}
"""


def checkpoint(folder: Path) -> None:
    """A tiny Llama with random weights and a tokenizer of common words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 10, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = "{% for m in messages %}<s>{{ m.content }}{% endfor %}"
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = None  # random weights would end at random
    with torch.no_grad():  # nor may they write what isn't text: marks, single bytes
        model.lm_head.weight[: 2 + len(alphabet)] = 0
    model.save_pretrained(folder)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of `transformers serve` with this checkpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", str(folder), "--continuous-batching", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--cb-max-memory-percent", "0.02"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            while not _healthy(url):
                assert server.poll() is None, "the server ended"
                time.sleep(0.2)
            yield url
        finally:
            server.kill()


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.slow
def test_from_a_real_server_to_a_report(tmp_path, capsys):
    pytest.importorskip("fastapi")
    model, store = tmp_path / "tiny", str(tmp_path / "lab.db")
    checkpoint(model)
    with serving(model) as url:
        command = ["load", url, "--model", str(model), "--config", str(model), "--store", store]
        command += ["--prompt-tokens", "64", "--new-tokens", "12", "--precision", "float32"]
        assert main([*command, "--concurrency", "1,4", "--requests", "24"]) == 0
    with open_store(store) as kept:
        records = kept.measurements()
    assert [record.load.concurrency_limit for record in records] == [1, 4]
    for record in records:
        assert record.load.requests_failed == 0
        assert record.result.serving.output_tokens == 12 * record.load.requests_ok
        assert record.workload.prompt_tokens == pytest.approx(64, abs=2)
        assert str(tmp_path) not in record.model_dump_json()
    scenario = tmp_path / "tiny.yaml"
    scenario.write_text(SCENARIO)
    assert main(["evaluate", str(scenario), "--store", store, "--trials", "0"]) == 0
    out = tmp_path / "out"
    report = ["report", str(scenario), "--store", store, "--out", str(out), "--trials", "0"]
    assert main([*report, "--formats", "md"]) == 0
    text = (out / "report.md").read_text()
    assert any(record.id in text for record in records)
    assert "measured server, tiny" in text
