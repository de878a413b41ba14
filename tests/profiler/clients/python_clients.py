#!/usr/bin/env python3
"""Has nvidia-ml-py and nvitop, written by others for NVIDIA's library, work on the double of it: what script.json says is
what they read, and MIG instances come and go as the lattice of the model allows."""

import time
import unittest

import nvitop
import pynvml


def code_of(call, *arguments):
    try:
        call(*arguments)
    except pynvml.NVMLError as error:
        return error.value
    return pynvml.NVML_SUCCESS


class Pynvml(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        pynvml.nvmlInit()
        cls.whole = pynvml.nvmlDeviceGetHandleByIndex(0)
        cls.cut = pynvml.nvmlDeviceGetHandleByIndex(1)

    @classmethod
    def tearDownClass(cls):
        pynvml.nvmlShutdown()

    def test_lists_devices(self):
        self.assertEqual(pynvml.nvmlSystemGetDriverVersion(), "580.95.05")
        self.assertEqual(pynvml.nvmlDeviceGetCount(), 2)
        self.assertEqual(pynvml.nvmlDeviceGetName(self.whole), "NVIDIA H100 80GB HBM3")
        uuid = pynvml.nvmlDeviceGetUUID(self.cut)
        self.assertEqual(pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID(uuid)), 1)

    def test_reads_samples(self):
        memory = pynvml.nvmlDeviceGetMemoryInfo(self.whole, version=pynvml.nvmlMemory_v2)
        self.assertEqual(memory.used >> 20, 12345)
        self.assertEqual(pynvml.nvmlDeviceGetMemoryInfo(self.whole).total >> 20, 81559)
        rates = pynvml.nvmlDeviceGetUtilizationRates(self.whole)
        self.assertEqual((rates.gpu, rates.memory), (61, 25))
        self.assertEqual(pynvml.nvmlDeviceGetPowerUsage(self.whole), 321500)
        self.assertEqual(pynvml.nvmlDeviceGetClockInfo(self.whole, pynvml.NVML_CLOCK_SM), 1755)
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(self.whole)
        self.assertEqual([(process.pid, process.usedGpuMemory >> 20) for process in processes], [(1, 1000)])

    def test_gets_scripted_errors(self):
        code = code_of(pynvml.nvmlDeviceGetTotalEccErrors, self.whole, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
                       pynvml.NVML_VOLATILE_ECC)
        self.assertEqual(code, pynvml.NVML_ERROR_NO_PERMISSION)

    def test_reads_gpm(self):
        self.assertEqual(pynvml.nvmlGpmQueryDeviceSupport(self.whole).isSupportedDevice, 1)
        self.assertEqual(pynvml.nvmlGpmQueryDeviceSupport(self.cut).isSupportedDevice, 0, "Ampere has none")
        samples = [pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()]
        pynvml.nvmlGpmSampleGet(self.whole, samples[0])
        time.sleep(0.12)
        pynvml.nvmlGpmSampleGet(self.whole, samples[1])
        request = pynvml.c_nvmlGpmMetricsGet_t()
        request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
        request.numMetrics = 2
        request.sample1, request.sample2 = samples
        request.metrics[0].metricId = pynvml.NVML_GPM_METRIC_SM_UTIL
        request.metrics[1].metricId = pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL
        pynvml.nvmlGpmMetricsGet(request)
        self.assertEqual([round(metric.value, 6) for metric in request.metrics[:2]], [30, 40])
        for sample in samples:
            pynvml.nvmlGpmSampleFree(sample)

    def test_sees_mig_devices(self):
        self.assertEqual(pynvml.nvmlDeviceGetMigMode(self.cut), [1, 1])
        self.assertEqual(pynvml.nvmlDeviceGetMigMode(self.whole), [0, 0])
        devices = [pynvml.nvmlDeviceGetMigDeviceHandleByIndex(self.cut, index) for index in range(2)]
        names = [pynvml.nvmlDeviceGetName(device) for device in devices]
        self.assertEqual(names, ["NVIDIA A100-SXM4-80GB MIG 2c.3g.40gb", "NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb"])
        self.assertEqual(code_of(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, self.cut, 2), pynvml.NVML_ERROR_NOT_FOUND)
        attributes = pynvml.nvmlDeviceGetAttributes(devices[0])
        self.assertEqual((attributes.gpuInstanceSliceCount, attributes.computeInstanceSliceCount), (3, 2))
        self.assertEqual(pynvml.nvmlDeviceGetMemoryInfo(devices[0]).used >> 20, 250)
        for device in (self.cut, devices[0]):
            self.assertEqual(code_of(pynvml.nvmlDeviceGetUtilizationRates, device), pynvml.NVML_ERROR_NOT_SUPPORTED)
        parent = pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(devices[0])
        self.assertEqual(pynvml.nvmlDeviceGetIndex(parent), 1)

    def test_instances_come_and_go(self):
        def profile(number):
            return pynvml.nvmlDeviceGetGpuInstanceProfileInfo(self.cut, number, version=1).id

        one, three = profile(pynvml.NVML_GPU_INSTANCE_PROFILE_1_SLICE), profile(pynvml.NVML_GPU_INSTANCE_PROFILE_3_SLICE)
        places, count = (pynvml.c_nvmlGpuInstancePlacement_t * 8)(), pynvml.c_uint(8)
        pynvml.nvmlDeviceGetGpuInstancePossiblePlacements(self.cut, three, places, pynvml.byref(count))
        self.assertEqual([(place.start, place.size) for place in places[: count.value]], [(0, 4), (4, 4)])
        self.assertEqual(pynvml.nvmlDeviceGetGpuInstanceRemainingCapacity(self.cut, three), 1)
        self.assertEqual(pynvml.nvmlDeviceGetGpuInstanceRemainingCapacity(self.cut, one), 4)
        small = pynvml.nvmlDeviceCreateGpuInstance(self.cut, one)
        self.assertEqual(pynvml.nvmlGpuInstanceGetInfo(small).placement.start, 0)
        self.assertEqual(code_of(pynvml.nvmlDeviceCreateGpuInstance, self.cut, three),
                         pynvml.NVML_ERROR_INSUFFICIENT_RESOURCES)
        compute = pynvml.nvmlGpuInstanceCreateComputeInstance(small, 0)
        self.assertEqual(code_of(pynvml.nvmlGpuInstanceDestroy, small), pynvml.NVML_ERROR_IN_USE)
        self.assertEqual(code_of(pynvml.nvmlDeviceSetMigMode, self.cut, 0), pynvml.NVML_SUCCESS)
        self.assertEqual(pynvml.nvmlDeviceGetMigMode(self.cut)[0], 1, "the mode does not change while instances exist")
        pynvml.nvmlComputeInstanceDestroy(compute)
        pynvml.nvmlGpuInstanceDestroy(small)
        self.assertEqual(pynvml.nvmlDeviceGetGpuInstanceRemainingCapacity(self.cut, three), 1)


class Nvitop(unittest.TestCase):
    def test_shows_devices_and_processes(self):
        whole, cut = nvitop.Device.all()
        self.assertEqual(whole.name(), "NVIDIA H100 80GB HBM3")
        snapshot = whole.as_snapshot()
        self.assertEqual(snapshot.gpu_utilization, 61)
        self.assertEqual(snapshot.memory_used >> 20, 12345)
        self.assertEqual(snapshot.power_usage, 321500)
        self.assertEqual(snapshot.temperature, 48)
        self.assertEqual(list(whole.processes()), [1])
        self.assertTrue(cut.is_mig_mode_enabled())
        self.assertEqual([device.name() for device in cut.mig_devices()],
                         ["NVIDIA A100-SXM4-80GB MIG 2c.3g.40gb", "NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb"])
        self.assertEqual(cut.mig_devices()[0].memory_used() >> 20, 250)
        self.assertIs(cut.as_snapshot().gpu_utilization, nvitop.NA)


if __name__ == "__main__":
    unittest.main()
