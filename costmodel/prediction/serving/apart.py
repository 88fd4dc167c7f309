"""Prompts read on devices of their own (disaggregated prefill): two pools and what is sent between.

A replica of the readers takes prompts, as many as a pass holds; their keys and values go over the
network to a replica of the writers, which decodes alone. Requests a second are the least of what
readers, network and writers do. A first token comes when its cache has arrived, after waiting for
the next free reader as in a queue with even service (Sakasegawa 1977), or for room among the
writers (Little's law). Left out: caches sent layer by layer while a prompt is still read. Sources:
Zhong et al. 2024 (DistServe), Patel et al. 2024 (Splitwise).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.serving import steady
from modelworth.costmodel.prediction.step.arrays import Columns, Times
from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.model import Number, cache_elements
from modelworth.costmodel.prediction.step.passes import Parts, total_s

LEAST_RUNNING, HALVINGS = 1e-3, 14


@dataclass(frozen=True)
class Reading:
    """What one lane of a reading replica takes for a prompt.

    Attributes:
        alone_s: from a prompt's start to its cache being complete, nothing else being read.
        each_s: of each prompt in full passes; parts: of that, by cause.
        sent_s: a prompt's cache on its way.
    """

    alone_s: Number
    each_s: Number
    parts: Parts
    sent_s: Number


def reading(reader: Columns, writer: Columns, fit: Coefficients) -> Reading:
    """A reader's times; `fit` is the reader's."""
    most = steady.most_prompts(reader)
    few = np.minimum(most, 1)
    full = steady.one_pass(reader, fit, 0.0, most)
    alone_s = total_s(steady.one_pass(reader, fit, 0.0, few)) / few
    parts = {name: seconds / most for name, seconds in full.items()}
    return Reading(alone_s, total_s(full) / most, parts, _sent_s(reader, writer, fit))


def _sent_s(reader: Columns, writer: Columns, fit: Coefficients) -> Number:
    """Seconds that a prompt's keys and values take from the devices that hold them."""
    device = writer.device
    near = reader.gpus + writer.gpus <= device.devices_per_node
    rate = np.where(
        near, device.link_bytes_per_s * fit.link, device.network_bytes_per_s * fit.network
    )
    holding = np.minimum(_holding(reader), _holding(writer))
    held = cache_elements(writer.shape, writer.tokens) * device.cache_bytes
    return held / (rate * holding) + fit.collective_latency_s


def _holding(case: Columns) -> Number:
    """Devices that hold one sequence's cache in parts."""
    return case.tensor * case.pipeline / case.attention_data


def sent_per_s(reader: Columns, writer: Columns, sent_s: Number) -> Number:
    """Caches a second that the network carries at most."""
    ends = np.minimum(*(one.data * one.attention_data for one in (reader, writer)))
    return ends / sent_s


def apart_state(
    writer: Columns, fit: Coefficients, reader: Columns, reader_fit: Coefficients
) -> Times:
    """Latencies and throughput of both pools in the long run, closed loop or queued."""
    read = reading(reader, writer, reader_fit)
    lanes, clients = writer.data * writer.pipeline, writer.batch * writer.data
    readers = reader.data * reader.pipeline
    most = np.minimum(readers / read.each_s, sent_per_s(reader, writer, read.sent_s))
    later = np.maximum(steady.later_passes(writer), 1e-9)
    limit = steady.most_running(writer) / writer.pipeline

    def written_per_s(running: Number) -> Number:
        together = np.maximum(running, 1)  # under 1: the share of the time that one decodes
        pass_s = steady.decoding_s(writer, steady.one_pass(writer, fit, together, 0.0))
        return lanes * running / (later * pass_s)

    before_s = steady.before_first_s(reader_fit.first_token_s, clients - 1, read.alone_s)
    served_s = before_s + read.alone_s + read.sent_s

    def excess(running: Number) -> Number:
        """Clients beyond those that decode, are read or wait, times the readers' idle share."""
        rate = written_per_s(running)
        busy = np.minimum(rate / most, 1)
        beyond = (clients - lanes * running - rate * served_s) * (1 - busy)
        waiting = busy ** np.sqrt(2 * (readers + 1)) / 2
        return np.where(writer.queued > 0, most - rate, beyond - waiting)

    running = steady.where_falling(excess, np.full_like(limit, LEAST_RUNNING), limit, HALVINGS)
    rate = np.minimum(written_per_s(running), most)
    together = np.maximum(running, 1)
    decode = steady.one_pass(writer, fit, together, 0.0)
    ttft_s = np.maximum(served_s, (clients - lanes * running) / rate)
    ttft_s = np.where(writer.queued > 0, served_s, ttft_s)
    tpot_s = steady.decoding_s(writer, decode) / writer.accepted
    parts = {name: decode[name] * later / together + read.parts[name] for name in decode}
    parts["communication"] = parts["communication"] + read.sent_s
    value = rate * writer.new_tokens / (reader.gpus + writer.gpus)
    return Times(
        value, None, tpot_s, ttft_s, parts, rate / writer.data, running * writer.pipeline,
        limit * writer.pipeline,
    )  # fmt: skip
