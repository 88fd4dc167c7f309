"""Is this large model a good business? From the measured millisecond to net present value.

    import modelworth as mw

    store = mw.open_store("lab.db")
    mw.measure("quick", store)
    analysis = mw.evaluate("chat_api_startup", store)
    analysis.verdict, analysis.indicators["npv_usd"]
    mw.write_report(analysis, "out", formats=["pdf", "xlsx"])

Names load the room they live in when they are first used. What isn't in `__all__` is private to the
rooms: it may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelworth.api import compare, evaluate, load_scenario, measure, predict, write_report
    from modelworth.costmodel.analysis import Analysis
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.costmodel.scenario.scenario import Scenario
    from modelworth.data.errors import InputError, ModelworthError
    from modelworth.data.measurement import Measurement
    from modelworth.data.store import Store, open_store

__version__ = "0.1.0"
__all__ = [
    "Analysis",
    "Case",
    "InputError",
    "Measurement",
    "ModelworthError",
    "Predictor",
    "Scenario",
    "Store",
    "compare",
    "evaluate",
    "load_scenario",
    "measure",
    "open_store",
    "predict",
    "write_report",
]
_HOMES = {
    "Analysis": "costmodel.analysis",
    "Case": "costmodel.prediction.case",
    "InputError": "data.errors",
    "Measurement": "data.measurement",
    "ModelworthError": "data.errors",
    "Predictor": "costmodel.prediction.predictor",
    "Scenario": "costmodel.scenario.scenario",
    "Store": "data.store",
    "open_store": "data.store",
}
"""Where a name lives; the others are functions of `api`."""


def __getattr__(name: str) -> Any:
    """A public name, from its room."""
    if name not in __all__:
        raise AttributeError(f"module 'modelworth' has no attribute {name!r}")
    return getattr(import_module(f"modelworth.{_HOMES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return [*__all__, "__version__"]
