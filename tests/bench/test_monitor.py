"""The state of the machine, with a GPU that exists only here."""

# ruff: noqa: N802, N815 - NVML's own names
from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.run import worker  # noqa: E402 torch may be absent
from modelworth.bench.run.observation import Observation  # noqa: E402
from modelworth.bench.timing import clock, machine, monitor, nvml  # noqa: E402
from tests.bench import stub  # noqa: E402

HERE = "tests.bench.test_monitor:on_the_processor"


class FakeError(Exception):
    pass


class FakeNvml(SimpleNamespace):
    """NVML as far as the monitor asks; `power_w` and `energy_mj` may be unknown."""

    NVMLError = FakeError
    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0
    nvmlClocksThrottleReasonSwPowerCap = 4
    nvmlClocksThrottleReasonHwThermalSlowdown = 64
    nvmlClocksThrottleReasonGpuIdle = 1
    nvmlClocksThrottleReasonAll = 0xFF
    nvmlClocksThrottleReasonNone = 0

    def __init__(self, **changes) -> None:
        self.name, self.processes, self.busy, self.throttle = "NVIDIA H200", 0, 0, 4
        self.energy_mj, self.power_mw = 0.0, 700_000
        self.mig_mode, self.slices = 0, 1
        vars(self).update(changes)
        self.energies = iter([self.energy_mj, None if self.energy_mj is None else 2_100_000.0])

    def nvmlShutdown(self):
        pass

    def nvmlDeviceGetCount(self):
        return 1

    def nvmlDeviceGetHandleByIndex(self, index):
        return f"gpu {index}"

    def nvmlDeviceGetName(self, _):
        return self.name.encode()

    def nvmlDeviceGetUUID(self, handle):
        return {"gpu 0": "GPU-1abc", "slice 0": "MIG-7f", "slice 1": "MIG-8a"}[handle]

    def nvmlDeviceGetMaxMigDeviceCount(self, _):
        return 7

    def nvmlDeviceGetMigMode(self, _):
        return [self.mig_mode, self.mig_mode]

    def nvmlDeviceIsMigDeviceHandle(self, handle):
        return int(handle.startswith("slice"))

    def nvmlDeviceGetMigDeviceHandleByIndex(self, _, index):
        if index >= self.slices:
            raise FakeError("no such slice")
        return f"slice {index}"

    def nvmlDeviceGetMemoryInfo(self, _):
        return SimpleNamespace(total=141 * 2**30)

    def nvmlSystemGetDriverVersion(self):
        return "570.1"

    def nvmlDeviceGetPowerManagementLimit(self, _):
        raise FakeError("not supported")

    def nvmlDeviceGetComputeRunningProcesses(self, _):
        return [SimpleNamespace(pid=pid) for pid in range(1, self.processes + 1)]

    def nvmlDeviceGetUtilizationRates(self, _):
        return SimpleNamespace(gpu=self.busy)

    def nvmlDeviceGetPowerUsage(self, _):
        if self.power_mw is None:
            raise FakeError("not supported")
        return self.power_mw

    def nvmlDeviceGetClockInfo(self, *_):
        return 1980

    def nvmlDeviceGetTemperature(self, *_):
        return 61

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _):
        return self.throttle

    def nvmlDeviceGetTotalEnergyConsumption(self, _):
        found = next(self.energies)
        if found is None:
            raise FakeError("not supported")
        return found


@pytest.fixture
def install(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def fake(**changes):
        library = FakeNvml(**changes)
        monkeypatch.setattr(nvml, "_opened", lambda: library)
        return library

    return fake


def watched(device="cuda", seconds=0.0):
    before = monitor.neighbours(device, sleep=lambda _: None)
    with monitor.Monitor(device, 0, before) as watching:
        watching.start()
        time.sleep(seconds)
    return watching


def test_without_nvml_everything_of_the_gpu_is_unknown(monkeypatch):
    monkeypatch.setattr(nvml, "_opened", lambda: None)
    watching = watched()
    condition = watching.condition()
    assert watching.energy(10.0) is None
    assert (condition.sm_clock_mhz, condition.temperature_c) == (None, None)
    assert condition.other_processes is None
    assert machine.gpu() is None


def test_a_missing_package_or_driver_is_no_nvml(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with nvml.nvml() as library:
        assert library is None


def test_a_quiet_gpu(install):
    install()
    condition = watched().condition()
    assert condition.sm_clock_mhz == 1980
    assert condition.temperature_c == 61
    assert condition.throttle_reasons == ("sw_power_cap",)
    assert condition.other_processes == 0
    assert "throttled" not in condition.flags


def test_a_gpu_in_use_by_someone_else_is_contended(install):
    install(processes=2)
    watching = watched()
    assert watching.condition().other_processes == 2
    assert "contended" in watching.condition().flags
    energy = watching.energy(10.0)
    assert not energy.valid


def test_a_busy_gpu_is_contended_even_if_the_process_is_hidden(install):
    install(busy=80)
    assert "contended" in watched().condition().flags


def test_gpus_that_a_batch_system_keeps_away_are_counted_but_not_seen(install, monkeypatch):
    """NVML counts all of a node; CUDA's numbers are of those that the job was given."""
    library = install()
    allowed = {2: "slice 1", 3: "slice 0"}  # two whole devices, by any names

    def handle(index):
        if index not in allowed:
            raise FakeError("no permission")
        return allowed[index]

    monkeypatch.setattr(library, "nvmlDeviceGetCount", lambda: 4, raising=False)
    monkeypatch.setattr(library, "nvmlDeviceGetHandleByIndex", handle, raising=False)
    monkeypatch.setattr(library, "nvmlDeviceIsMigDeviceHandle", lambda _: 0, raising=False)
    assert machine.gpu().uuids == ("MIG-8a", "MIG-7f")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert machine.gpu().uuids == ("MIG-7f",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert machine.gpu() is None


def test_names_of_throttling_are_looked_up_once(install, monkeypatch):
    """Going through all of NVML's names ten times a second would slow the timed step down."""
    install()
    monkeypatch.setattr(monitor, "PERIOD_S", 0.001)
    asked = []
    monkeypatch.setattr(monitor, "reasons", lambda library: asked.append(library) or {})
    watched(seconds=0.05)
    assert len(asked) == 1


def test_heat_is_throttling(install):
    install(throttle=64 | 4)
    condition = watched().condition()
    assert condition.throttle_reasons == ("hw_thermal_slowdown", "sw_power_cap")
    assert "throttled" in condition.flags


def test_the_energy_counter_comes_first(install, monkeypatch):
    install()
    monkeypatch.setattr(monitor, "COUNTER_WINDOW_S", 0.0)
    energy = watched().energy(1000.0)
    assert (energy.method, energy.energy_j, energy.energy_j_per_unit) == ("counter", 2100.0, 2.1)
    assert energy.valid


def test_a_short_window_is_said_to_be(install):
    install()
    energy = watched().energy(1000.0)
    assert not energy.valid
    assert "is short for the device's energy counter" in energy.reason


def test_power_is_integrated_where_there_is_no_counter(install, monkeypatch):
    install(energy_mj=None)
    monkeypatch.setattr(monitor, "PERIOD_S", 0.01)
    watching = watched(seconds=0.3)
    energy = watching.energy(10.0)
    assert energy.method == "integrated"
    assert energy.mean_power_w == pytest.approx(700.0, rel=1e-6)
    assert energy.energy_j == pytest.approx(700.0 * watching._window_s)


def test_integration_is_a_trapezoid():
    """A ramp from 100 to 200 W over a second is 150 J."""
    at_s = [step / 20 for step in range(21)]
    ramp = monitor.Samples(at_s=at_s, power_w=[100 + 100 * moment for moment in at_s])
    assert monitor.energy_of(ramp, None, 1.0, 3.0, shared=False).energy_j == pytest.approx(150)


@pytest.mark.parametrize(
    ("at_s", "reason"),
    [([0.0, 1.0], "power wasn't sampled for 1.00 s"), ([0.0, 0.1], "2 samples of power are few")],
)
def test_sparse_power_is_doubtful(at_s, reason):
    found = monitor.Samples(at_s=at_s, power_w=[100.0] * 2)
    energy = monitor.energy_of(found, None, at_s[-1], 1.0, shared=False)
    assert (energy.valid, energy.reason) == (False, reason)


def test_a_device_that_tells_nothing(install):
    install(energy_mj=None, power_mw=None)
    energy = watched().energy(10.0)
    assert (energy.valid, energy.energy_j) == (False, None)


def test_a_processor_that_others_use_is_contended(monkeypatch):
    busy = iter([(100.0, 10.0), (101.0, 10.0)])
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(monitor, "_busy_core_seconds", lambda: next(busy))
    monkeypatch.setattr(monitor, "perf_counter", lambda: next(clock))
    condition = watched("cpu").condition()
    assert condition.host_load == pytest.approx(1.0)
    assert condition.flags == ("contended",)


def test_own_work_isnt_load(monkeypatch):
    busy = iter([(100.0, 10.0), (102.0, 12.0)])
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(monitor, "_busy_core_seconds", lambda: next(busy))
    monkeypatch.setattr(monitor, "perf_counter", lambda: next(clock))
    condition = watched("cpu").condition()
    assert (condition.host_load, condition.flags) == (0.0, ())


def test_the_machine_is_named_as_in_the_catalogue(install):
    install()
    found = machine.detect("cuda", 2)
    assert (found.device, found.count) == ("H200 SXM 141GB", 2)
    assert found.memory_bytes == 141 * 2**30
    assert found.driver == "570.1"
    assert found.power_limit_w is None
    assert machine.detect("cuda").machine_id == found.machine_id
    assert machine.detect("cpu").machine_id != found.machine_id


def test_an_unknown_gpu_keeps_its_own_name(install):
    install(name="Foo 9000")
    assert machine.detect("cuda").device == "Foo 9000"
    assert machine.accelerator("Foo 9000") is None


def test_a_driver_that_knows_little_still_names_its_device(install, monkeypatch):
    """As GB10 does, whose memory is the host's."""
    library = install(name="GB10")

    def unsupported(*_):
        raise FakeError("not supported")

    for name in ("DeviceGetMemoryInfo", "SystemGetDriverVersion"):
        monkeypatch.setattr(library, f"nvml{name}", unsupported)
    found = machine.detect("cuda")
    assert (found.device, found.memory_bytes, found.power_limit_w) == ("GB10", None, None)


def test_throttling_is_known_by_its_newer_name_too(install, monkeypatch):
    library = install()
    monkeypatch.delattr(FakeNvml, "nvmlDeviceGetCurrentClocksThrottleReasons")
    monkeypatch.setattr(
        library, "nvmlDeviceGetCurrentClocksEventReasons", lambda _: 8, raising=False
    )
    monkeypatch.setattr(library, "nvmlClocksEventReasonHwSlowdown", 8, raising=False)
    assert watched().condition().throttle_reasons == ("hw_slowdown",)


def test_visible_devices_are_respected(install, monkeypatch):
    library = install()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine.gpu() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 7")
    assert machine.visible_handle(library, 0) == "gpu 0"
    assert machine.visible_handle(library, 1) is None


@pytest.mark.parametrize(
    ("chosen", "handles"),
    [
        ("0", ["gpu 0"]), ("GPU-1abc", ["gpu 0"]), ("GPU-1", ["gpu 0"]), ("MIG-7f", ["slice 0"]),
        ("MIG-7", ["slice 0"]), ("-1", []), ("0,0", []), ("7,0", []), ("0,-1", ["gpu 0"]),
        ("GPU-", ["gpu 0"]), ("GPU-2", []), ("slice", []),
    ],
)  # fmt: skip
def test_visible_devices_are_read_as_cuda_reads_them(install, monkeypatch, chosen, handles):
    library = install()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    found = [machine.visible_handle(library, index) for index in range(3)]
    assert [handle for handle in found if handle is not None] == handles


def test_a_worker_on_its_way_out_is_no_neighbour(install):
    library = install(processes=1, busy=90)
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 4:
            library.processes, library.busy = 0, 0

    assert monitor.neighbours("cuda", 0, nap) == monitor.Neighbours(0, 0)
    assert len(naps) == 4


def test_a_neighbour_that_stays_is_one(install):
    install(processes=2, busy=50)
    naps = []
    assert monitor.neighbours("cuda", 0, naps.append) == monitor.Neighbours(2, 50)
    assert sum(naps) == pytest.approx(3.0)


def test_this_process_is_not_its_own_neighbour(install, monkeypatch):
    install(processes=1)
    monkeypatch.setattr(monitor.os, "getpid", lambda: 1)
    assert monitor.neighbours("cuda", 0, lambda _: None).processes == 0


def on_the_processor(*_):
    """A work that needs no GPU, whatever device is asked for."""
    return stub.prepare(stub.case(), "cpu")


def test_the_context_that_a_worker_makes_is_no_neighbour(install, monkeypatch):
    """Process ids aren't comparable across containers: NVML shows a number that isn't ours."""
    library = install(energy_mj=None)
    for name, made in (("is_available", lambda: True), ("get_device_properties", lambda _: None)):
        monkeypatch.setattr(torch.cuda, name, made)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: vars(library).update(processes=1))
    monkeypatch.setattr(worker, "clock_for", lambda _: clock.HostClock())
    case = stub.case().model_copy(update={"device": "cuda"})
    job = {"case": case.model_dump(), "limits": stub.LIMITS.model_dump(), "prepare": HERE}
    seen = Observation.model_validate_json(worker._measure_job(job, lambda _: None))
    assert library.processes == 1
    assert seen.condition.other_processes == 0


def test_a_driver_without_an_energy_counter_or_reasons_is_lived_with(install, monkeypatch):
    install(power_mw=None)
    for name in ("TotalEnergyConsumption", "CurrentClocksThrottleReasons"):
        monkeypatch.delattr(FakeNvml, f"nvmlDeviceGet{name}")
    watching = watched()
    assert not watching.energy(1.0).valid
    assert watching.condition().throttle_reasons == ()


@pytest.mark.parametrize("mask", [None, "0", "GPU-1"])
def test_a_gpu_that_is_cut_shows_its_first_slice_alone(mask, install, monkeypatch):
    """So CUDA does, with a mask of the whole device or without one."""
    library = install(mig_mode=1, slices=2, energy_mj=None, power_mw=None)
    if mask is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert machine.gpu().uuids == ("MIG-7f",)
    assert [machine.visible_handle(library, index) for index in range(2)] == ["slice 0", None]
    watching = watched()
    assert watching.energy(1.0).reason == "the device tells neither energy nor power"
    assert watching.condition().other_processes == 0


def test_the_slice_that_is_named_is_the_one(install, monkeypatch):
    library = install(mig_mode=1, slices=2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-8a")
    assert machine.visible_handle(library, 0) == "slice 1"


def test_a_gpu_that_is_to_be_cut_and_has_no_slice_is_none(install):
    install(mig_mode=1, slices=0)
    assert machine.gpu() is None


def test_the_processor_has_a_name_cores_and_a_cache():
    found = machine.detect("cpu")
    assert found.cpu_cores >= 1
    assert found.device
    assert "torch" in found.libraries
    assert (machine.last_level_cache_bytes("cpu") or 2**20) >= 2**19
    assert machine.default_device() in ("cpu", "cuda")
