package harness

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FinishAfter is the annotation that tells a hollow kubelet to let a pod succeed so long after it started.
const FinishAfter = "hollow-kubelet/finish-after"

// PodKind is one way for a pod to ask for a GPU.
type PodKind struct {
	Name  string
	build func(spec *corev1.PodSpec, annotations map[string]string)
}

// The dialects that name a resource. Each fits on some kind of MixedCluster.
var (
	WholePod      = PodKind{"whole", limits("nvidia.com/gpu", 1)}
	TwoGPUsPod    = PodKind{"two", limits("nvidia.com/gpu", 2)}
	SharedPod     = PodKind{"shared", limits("nvidia.com/gpu.shared", 1)}
	SmallMIGPod   = PodKind{"mig-1g", limits("nvidia.com/mig-1g.10gb", 1)}
	MediumMIGPod  = PodKind{"mig-2g", limits("nvidia.com/mig-2g.20gb", 1)}
	LargeMIGPod   = PodKind{"mig-3g", limits("nvidia.com/mig-3g.40gb", 1)}
	TwoMIGPod     = PodKind{"mig-1g-x2", limits("nvidia.com/mig-1g.10gb", 2)}
	RequestsPod   = PodKind{"requests", requestsAndLimits}
	InitPod       = PodKind{"init", initContainer}
	SidecarPod    = PodKind{"sidecar", sidecar}
	TwoContainers = PodKind{"two-containers", twoContainers}
	ClassPod      = PodKind{"class", classAnnotation}
	CPUPod        = PodKind{"cpu", func(*corev1.PodSpec, map[string]string) {}}
)

// GPUPods are all kinds that ask for a GPU resource.
var GPUPods = []PodKind{WholePod, TwoGPUsPod, SharedPod, SmallMIGPod, MediumMIGPod, LargeMIGPod, TwoMIGPod, RequestsPod, InitPod, SidecarPod, TwoContainers, ClassPod}

// Pod is the API object; the scheduler of the tests takes every pod.
func (k PodKind) Pod(name string) *corev1.Pod {
	grace, noToken := int64(1), false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{"kind": k.Name}, Annotations: map[string]string{}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &noToken,
			Containers: []corev1.Container{{Name: "main", Image: "registry.invalid/job:1", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}}}},
		},
	}
	k.build(&pod.Spec, pod.Annotations)
	return pod
}

func list(name string, count int64) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceName(name): *resource.NewQuantity(count, resource.DecimalSI)}
}

func limits(name string, count int64) func(*corev1.PodSpec, map[string]string) {
	return func(spec *corev1.PodSpec, _ map[string]string) {
		spec.Containers[0].Resources.Limits = list(name, count)
	}
}

func requestsAndLimits(spec *corev1.PodSpec, _ map[string]string) {
	spec.Containers[0].Resources.Limits = list("nvidia.com/gpu", 1)
	spec.Containers[0].Resources.Requests["nvidia.com/gpu"] = *resource.NewQuantity(1, resource.DecimalSI)
}

// initContainer: a warm-up with 2 GPUs before a main container with one; the pod holds 2.
func initContainer(spec *corev1.PodSpec, _ map[string]string) {
	spec.InitContainers = []corev1.Container{{Name: "warm-up", Image: "registry.invalid/warm:1",
		Resources: corev1.ResourceRequirements{Limits: list("nvidia.com/gpu", 2)}}}
	spec.Containers[0].Resources.Limits = list("nvidia.com/gpu", 1)
}

// sidecar: an init container that keeps running; the pod holds 1 + 1.
func sidecar(spec *corev1.PodSpec, _ map[string]string) {
	always := corev1.ContainerRestartPolicyAlways
	spec.InitContainers = []corev1.Container{{Name: "proxy", Image: "registry.invalid/proxy:1", RestartPolicy: &always,
		Resources: corev1.ResourceRequirements{Limits: list("nvidia.com/mig-1g.10gb", 1)}}}
	spec.Containers[0].Resources.Limits = list("nvidia.com/mig-1g.10gb", 1)
}

func twoContainers(spec *corev1.PodSpec, _ map[string]string) {
	spec.Containers[0].Resources.Limits = list("nvidia.com/gpu", 1)
	spec.Containers = append(spec.Containers, corev1.Container{Name: "second", Image: "registry.invalid/job:1",
		Resources: corev1.ResourceRequirements{Limits: list("nvidia.com/gpu", 1)}})
}

func classAnnotation(spec *corev1.PodSpec, annotations map[string]string) {
	annotations["gpusched.io/class"] = "always-on"
	spec.Containers[0].Resources.Limits = list("nvidia.com/gpu", 1)
}
