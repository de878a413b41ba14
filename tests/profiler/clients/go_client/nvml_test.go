// Package clients has go-nvml, written by NVIDIA for its own library, work on the double of it.
package clients

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func must(t *testing.T, ret nvml.Return) {
	t.Helper()
	if ret != nvml.SUCCESS {
		t.Fatalf("NVML answers %v", ret)
	}
}

func open(t *testing.T, index int) nvml.Device {
	t.Helper()
	must(t, nvml.Init())
	t.Cleanup(func() { nvml.Shutdown() })
	device, ret := nvml.DeviceGetHandleByIndex(index)
	must(t, ret)
	return device
}

func TestDeviceReadsAsScripted(t *testing.T) {
	device := open(t, 0)
	if name, ret := device.GetName(); ret != nvml.SUCCESS || name != "NVIDIA H100 80GB HBM3" {
		t.Errorf("name %q, %v", name, ret)
	}
	if memory, ret := device.GetMemoryInfo_v2(); ret != nvml.SUCCESS || memory.Used>>20 != 12345 {
		t.Errorf("memory %v, %v", memory, ret)
	}
	if power, ret := device.GetPowerUsage(); ret != nvml.SUCCESS || power != 321500 {
		t.Errorf("power %d, %v", power, ret)
	}
	processes, ret := device.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS || len(processes) != 1 || processes[0].Pid != 1 {
		t.Errorf("processes %v, %v", processes, ret)
	}
	if _, ret := device.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC); ret != nvml.ERROR_NO_PERMISSION {
		t.Errorf("ECC errors: %v", ret)
	}
	if support, ret := device.GpmQueryDeviceSupport(); ret != nvml.SUCCESS || support.IsSupportedDevice != 1 {
		t.Errorf("GPM %v, %v", support, ret)
	}
}

func TestMigDevicesAreListed(t *testing.T) {
	device := open(t, 1)
	if mode, _, ret := device.GetMigMode(); ret != nvml.SUCCESS || mode != nvml.DEVICE_MIG_ENABLE {
		t.Fatalf("MIG mode %d, %v", mode, ret)
	}
	mig, ret := device.GetMigDeviceHandleByIndex(1)
	must(t, ret)
	if name, ret := mig.GetName(); ret != nvml.SUCCESS || name != "NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb" {
		t.Errorf("name %q, %v", name, ret)
	}
	attributes, ret := mig.GetAttributes()
	if ret != nvml.SUCCESS || attributes.GpuInstanceSliceCount != 3 || attributes.ComputeInstanceSliceCount != 1 {
		t.Errorf("attributes %v, %v", attributes, ret)
	}
	if _, ret := mig.GetUtilizationRates(); ret != nvml.ERROR_NOT_SUPPORTED {
		t.Errorf("utilisation of a MIG device: %v", ret)
	}
}

// As NVIDIA's own tools do it: profile, placements, instance, compute instance, and back.
func TestInstancesFollowTheLattice(t *testing.T) {
	device := open(t, 1)
	small, ret := device.GetGpuInstanceProfileInfo(nvml.GPU_INSTANCE_PROFILE_1_SLICE)
	must(t, ret)
	large, ret := device.GetGpuInstanceProfileInfo(nvml.GPU_INSTANCE_PROFILE_4_SLICE)
	must(t, ret)
	placements, ret := device.GetGpuInstancePossiblePlacements(&small)
	must(t, ret)
	if len(placements) != 7 || placements[6].Start != 6 {
		t.Errorf("placements %v", placements)
	}
	instance, ret := device.CreateGpuInstanceWithPlacement(&small, &nvml.GpuInstancePlacement{Start: 3, Size: 1})
	must(t, ret)
	if _, ret := device.CreateGpuInstanceWithPlacement(&small, &nvml.GpuInstancePlacement{Start: 3, Size: 1}); ret != nvml.ERROR_INSUFFICIENT_RESOURCES {
		t.Errorf("a taken place: %v", ret)
	}
	if _, ret := device.CreateGpuInstance(&large); ret != nvml.ERROR_INSUFFICIENT_RESOURCES {
		t.Errorf("4g beside 1g and 3g: %v", ret)
	}
	profile, ret := instance.GetComputeInstanceProfileInfo(nvml.COMPUTE_INSTANCE_PROFILE_1_SLICE, nvml.COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED)
	must(t, ret)
	compute, ret := instance.CreateComputeInstance(&profile)
	must(t, ret)
	info, ret := compute.GetInfo()
	must(t, ret)
	if info.Placement.Size != 1 {
		t.Errorf("compute instance %v", info)
	}
	if ret := instance.Destroy(); ret != nvml.ERROR_IN_USE {
		t.Errorf("destroyed under its compute instance: %v", ret)
	}
	must(t, compute.Destroy())
	must(t, instance.Destroy())
	created, ret := device.CreateGpuInstance(&large)
	must(t, ret)
	must(t, created.Destroy())
}
