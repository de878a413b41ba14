package harness

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Namespace holds all pods of the tests.
const Namespace = "e2e"

// ResourcePrefix is common to the resources whose devices the hollow kubelets hand out.
const ResourcePrefix = "nvidia.com/"

// ManagedResources are the resources for which kube-scheduler asks the extender.
var ManagedResources = []string{"nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb", "nvidia.com/mig-2g.20gb", "nvidia.com/mig-3g.40gb"}

// NodeKind is one way to set up a GPU node: its resources and the labels that GPU feature discovery would write.
type NodeKind struct {
	Name      string
	Resources map[string]int64
	Labels    map[string]string
}

const (
	h100 = "NVIDIA-H100-80GB-HBM3"
	a100 = "NVIDIA-A100-SXM4-80GB"
)

// The kinds of a mixed cluster. Labels: docs of GPU feature discovery, cases seen in its test data.
var (
	WholeNode = NodeKind{"whole", map[string]int64{"nvidia.com/gpu": 8}, gpuLabels(h100, 8, "1", "none", "single")}
	// One sharing method and one number of replicas per resource and node: 4 GPUs x 4.
	SharedNode      = NodeKind{"shared", map[string]int64{"nvidia.com/gpu.shared": 16}, gpuLabels(a100, 4, "4", "time-slicing", "none")}
	NotRenamedNode  = NodeKind{"not-renamed", map[string]int64{"nvidia.com/gpu": 16}, gpuLabels(a100+"-SHARED", 4, "4", "time-slicing", "none")}
	MixedNode       = NodeKind{"mixed", map[string]int64{"nvidia.com/mig-1g.10gb": 8, "nvidia.com/mig-2g.20gb": 4, "nvidia.com/mig-3g.40gb": 4}, migLabels(4, 4)}
	MixedBesideNode = NodeKind{"mixed-beside", map[string]int64{"nvidia.com/gpu": 4, "nvidia.com/mig-1g.10gb": 8, "nvidia.com/mig-2g.20gb": 4, "nvidia.com/mig-3g.40gb": 4}, migLabels(8, 4)}
	SingleNode      = NodeKind{"single", map[string]int64{"nvidia.com/gpu": 14}, singleLabels()}
	CPUNode         = NodeKind{"cpu", nil, nil}
)

// MixedCluster has every kind, whole GPUs most often.
var MixedCluster = []NodeKind{WholeNode, WholeNode, SharedNode, MixedNode, MixedBesideNode, NotRenamedNode, SingleNode, CPUNode}

func gpuLabels(product string, count int, replicas, sharing, strategy string) map[string]string {
	family, major := "ampere", "8"
	if len(product) >= len(h100) && product[:len(h100)] == h100 {
		family, major = "hopper", "9"
	}
	return map[string]string{
		"nvidia.com/gpu.present": "true", "nvidia.com/gpu.product": product, "nvidia.com/gpu.count": strconv.Itoa(count),
		"nvidia.com/gpu.memory": "81559", "nvidia.com/gpu.replicas": replicas, "nvidia.com/gpu.sharing-strategy": sharing,
		"nvidia.com/gpu.family": family, "nvidia.com/gpu.compute.major": major, "nvidia.com/gpu.compute.minor": "0",
		"nvidia.com/gpu.machine": "PowerEdge-XE9680", "nvidia.com/gpu.mode": "compute",
		"nvidia.com/mig.capable": "true", "nvidia.com/mig.strategy": strategy, "nvidia.com/mps.capable": "false",
		"nvidia.com/cuda.driver-version.major": "570", "nvidia.com/cuda.driver-version.minor": "172",
		"nvidia.com/cuda.driver-version.revision": "08", "nvidia.com/cuda.driver-version.full": "570.172.08",
		"nvidia.com/cuda.runtime-version.major": "12", "nvidia.com/cuda.runtime-version.minor": "8",
		"nvidia.com/cuda.runtime-version.full": "12.8", "nvidia.com/gfd.timestamp": "1764000000",
	}
}

// migLabels is strategy mixed: `gpus` GPUs, of which `partitioned` hold 3g.40gb + 2g.20gb + 2 x 1g.10gb.
func migLabels(gpus, partitioned int) map[string]string {
	replicas := "1"
	if gpus == partitioned {
		replicas = "0"
	}
	labels := gpuLabels(h100, gpus, replicas, "none", "mixed")
	for _, profile := range []struct {
		name                        string
		perGPU, memory, sms, slices int
	}{{"1g.10gb", 2, 9984, 16, 1}, {"2g.20gb", 1, 20096, 32, 2}, {"3g.40gb", 1, 40320, 60, 3}} {
		prefix := "nvidia.com/mig-" + profile.name + "."
		labels[prefix+"count"] = strconv.Itoa(profile.perGPU * partitioned)
		labels[prefix+"product"] = h100 + "-MIG-" + profile.name
		labels[prefix+"memory"] = strconv.Itoa(profile.memory)
		labels[prefix+"multiprocessors"] = strconv.Itoa(profile.sms)
		labels[prefix+"slices.gi"] = strconv.Itoa(profile.slices)
		labels[prefix+"slices.ci"] = strconv.Itoa(profile.slices)
		labels[prefix+"replicas"] = "1"
		labels[prefix+"sharing-strategy"] = "none"
	}
	return labels
}

// singleLabels is strategy single: 2 GPUs of 7 x 1g.10gb, offered as nvidia.com/gpu.
func singleLabels() map[string]string {
	labels := gpuLabels(h100+"-MIG-1g.10gb", 14, "1", "none", "single")
	labels["nvidia.com/gpu.memory"] = "9984"
	labels["nvidia.com/gpu.multiprocessors"] = "16"
	labels["nvidia.com/gpu.slices.gi"] = "1"
	labels["nvidia.com/gpu.slices.ci"] = "1"
	return labels
}

// Node is the API object of a ready node of that kind.
func (k NodeKind) Node(name string) *corev1.Node {
	labels := map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
		"node.kubernetes.io/instance-type": k.Name, "topology.kubernetes.io/zone": "zone-a"}
	for key, value := range k.Labels {
		labels[key] = value
	}
	resources := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("128"),
		corev1.ResourceMemory:           resource.MustParse("1Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("2Ti"),
		corev1.ResourcePods:             resource.MustParse("250"),
	}
	for name, count := range k.Resources {
		resources[corev1.ResourceName(name)] = *resource.NewQuantity(count, resource.DecimalSI)
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", OperatingSystem: "linux", Architecture: "amd64"},
		},
	}
}

// CreateNodes creates count nodes whose kinds take turns: NAME-KIND-NUMBER.
func (c *ControlPlane) CreateNodes(ctx context.Context, count int, kinds ...NodeKind) error {
	return InParallel(ctx, count, func(i int) error {
		kind := kinds[i%len(kinds)]
		_, err := c.Admin.CoreV1().Nodes().Create(ctx, kind.Node(fmt.Sprintf("node-%s-%05d", kind.Name, i)), metav1.CreateOptions{})
		return err
	})
}

// SetAllocatable changes how much of a resource a node offers, as a device plugin does.
func SetAllocatable(ctx context.Context, client kubernetes.Interface, node, name string, count int64) error {
	patch := fmt.Sprintf(`{"status":{"capacity":{%q:"%d"},"allocatable":{%q:"%d"}}}`, name, count, name, count)
	_, err := client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	return err
}

// InParallel runs work(0..count-1) on a few goroutines and returns the first error.
func InParallel(ctx context.Context, count int, work func(i int) error) error {
	const workers = 16
	errs := make(chan error, workers)
	next := make(chan int)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(next)
		for i := range count {
			select {
			case next <- i:
			case <-inner.Done():
				return
			}
		}
	}()
	for range workers {
		go func() {
			var first error
			for i := range next {
				if err := work(i); err != nil {
					first = err
					cancel()
					break
				}
			}
			errs <- first
		}()
	}
	var first error
	for range workers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	if first == nil {
		first = ctx.Err()
	}
	return first
}
