"""`modelworth meter`: a running server's own metrics, and what its tokens cost."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError
from modelworth.verbs import served

if TYPE_CHECKING:
    from modelworth.bench.load.record import Served
    from modelworth.data.api_prices import ApiPrice
    from modelworth.data.store import Store

EPILOG = """examples:
  modelworth meter http://127.0.0.1:8000 --usd-per-hour 2.50
  modelworth meter http://HOST:8000 --device 'H100 SXM 80GB' --count 2 --watch
  modelworth meter http://HOST:8000 --device 'H100 SXM 80GB' --price-usd 35000 --years 4 \\
    --power-w 1000 --usd-per-kwh 0.12 --compare openai:gpt-4o-mini

Read are the metrics of vLLM, SGLang, TGI, TensorRT-LLM and llama.cpp; nothing is sent to the model.
Without a price the device's median rent of the catalogue is taken.
"""
BOUNDS = {
    "window": (0.05, 86_400), "every": (0.05, 3600), "count": (1, 10**6), "years": (0.1, 50),
    "usd_per_hour": (0, 1e6), "price_usd": (0, 1e9), "power_w": (0, 1e6), "usd_per_kwh": (0, 100),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("url", metavar="URL", help="of the server (its /metrics is read)")
    when = parser.add_argument_group("when")
    when.add_argument("--window", type=float, default=10.0, metavar="S", help="default 10")
    when.add_argument("--every", type=float, default=1.0, metavar="S", help="between readings")
    when.add_argument("--watch", action="store_true", help="window after window, until Ctrl-C")
    cost = parser.add_argument_group("what it costs (of one device)")
    cost.add_argument("--usd-per-hour", type=float, metavar="USD", help="rent")
    cost.add_argument("--price-usd", type=float, metavar="USD", help="bought, with its server")
    cost.add_argument("--years", type=float, help="over which it is written off")
    cost.add_argument("--power-w", type=float, metavar="W", help="drawn at the wall", default=0.0)
    cost.add_argument("--usd-per-kwh", type=float, metavar="USD", default=0.0)
    cost.add_argument("--compare", action="append", default=[], metavar="PROVIDER:MODEL",
                      help="what the same tokens cost there; may be repeated")  # fmt: skip
    whose = served.add_arguments(parser)
    whose.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key")


def run(options: argparse.Namespace) -> int:
    """Run the verb."""
    from modelworth.bench.load.endpoint import parse
    from modelworth.bench.load.meter import measurement, read, windows
    from modelworth.data.store import open_store
    from modelworth.verbs import meter_display as display

    _check(options)
    offers = [_offer(text) for text in options.compare]
    path = "/metrics"
    endpoint = parse(options.url.rstrip("/").removesuffix("/metrics"), options.api_key_env)
    first = read(endpoint, path)
    names = endpoint.models() or [first.model or options.label or "unknown"]
    about = served.served_of(options, "meter", names[0], served.machine_of(options, endpoint.local))
    per_hour, said = _usd_per_hour(options, about)
    label = options.label or about.model.name
    seen = windows(endpoint, path, about, first, length_s=options.window, every_s=options.every)
    with open_store(options.store) as store, display.shown(options.watch) as show:
        capacity = _capacity(store, label)
        for one, energy in seen if options.watch else islice(seen, 1):
            record = measurement(one, energy, about, label)
            store.add(record)
            show(display.View(record, one, energy, per_hour, said, capacity, tuple(offers)))
    return 0


def _check(options: argparse.Namespace) -> None:
    served.require_bounds(options, BOUNDS)
    if options.price_usd is not None and options.usd_per_hour is not None:
        raise InputError("--price-usd", options.price_usd, "given alone, or --usd-per-hour instead")
    if options.price_usd is not None and options.years is None:
        raise InputError("--years", "nothing", "given with --price-usd")


def _offer(text: str) -> ApiPrice:
    from modelworth.data.api_prices import api_price

    provider, mark, model = text.partition(":")
    if not mark or not model:
        raise InputError("--compare", text, "PROVIDER:MODEL, such as openai:gpt-4o-mini")
    price = api_price(model, provider)
    if None in (price.usd_per_million_input_tokens, price.usd_per_million_output_tokens):
        raise InputError("--compare", text, "a model with a price for prompt and output tokens")
    return price


def _usd_per_hour(options: argparse.Namespace, about: Served) -> tuple[float | None, str]:
    """What an hour of all devices costs, and in words where that comes from."""
    from modelworth.costmodel.business.metered import Owned
    from modelworth.data.catalog import load_catalog

    if options.usd_per_hour is not None:
        return options.usd_per_hour * options.count, "as given"
    if options.price_usd is not None:
        owned = Owned(options.price_usd, options.years, options.power_w, options.usd_per_kwh)
        return owned.usd_per_hour * options.count, "bought, written off, with power"
    try:
        quote = load_catalog().rent(about.machine.device)
    except InputError:
        return None, f"no rent of {about.machine.device} is known: give --usd-per-hour"
    return quote.usd_per_gpu_hour * options.count, f"median rent as of {quote.as_of}"


def _capacity(store: Store, label: str) -> float | None:
    """Most output tokens a second that sound load tests of this endpoint reached."""
    from modelworth.data.importers.judging import judged_all, largest_rate

    own = [
        record
        for record in store.measurements(kind="serve", suite="load", status="ok")
        if record.load is not None and record.load.endpoint == label
    ]
    return largest_rate(own, judged_all(own), label)
