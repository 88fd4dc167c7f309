"""Imports what every worker needs, for the server that workers are forked from. Runs nothing."""

from __future__ import annotations

import torch
import transformers.modeling_utils
import transformers.models.auto.modeling_auto
import transformers.models.llama.modeling_llama

from modelworth.bench.run import worker
from modelworth.bench.work import prepare

__all__ = ["prepare", "torch", "transformers", "worker"]
