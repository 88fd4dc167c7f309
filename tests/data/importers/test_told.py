"""What a person or a label says of a run's devices."""

import pytest

from modelworth.data.catalog import load_catalog
from modelworth.data.importers.told import counted, device_name


@pytest.mark.parametrize(
    ("label", "count", "device"),
    [
        ("4xNVIDIA_L40S", 4, "L40S"),
        ("8x H100 SXM 80GB", 8, "H100 SXM 80GB"),
        ("2 × NVIDIA A100-SXM4-80GB", 2, "A100 SXM 80GB"),
        ("NVIDIA L4 x2", 2, "L4"),
        ("NVIDIA L40S", None, "L40S"),
        ("TPU v6e", None, "TPU v6e"),
        ("RTX 4090", None, "RTX 4090"),
        ("0xbeef", None, "0xbeef"),
    ],
)
def test_a_label_may_say_how_many(label, count, device):
    name, many = counted(label)
    assert many == count
    assert device_name(name) == device
    assert device == "0xbeef" or load_catalog().accelerator(device)


def test_no_label_is_none():
    assert counted(None) == (None, None)
