package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The shortest proof that the whole chain works.
func TestPodBoundByRealScheduler(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 3, kinds: []harness.NodeKind{harness.WholeNode, harness.CPUNode}})
	c.create(harness.WholePod.Pod("first"))
	pod := c.waitRunning("first", 20*time.Second)
	if !strings.Contains(pod.Spec.NodeName, harness.WholeNode.Name) {
		t.Errorf("bound to %s", pod.Spec.NodeName)
	}
	if calls := c.tap.Calls("bind", "first"); len(calls) == 0 {
		t.Error("kube-scheduler did not ask the extender to bind")
	}
	t.Logf("%s runs on %s, annotations %v", pod.Name, pod.Spec.NodeName, pod.Annotations)
	c.checkHistory()
}

// Every dialect finds a node of a kind that has what it asks for, and the kubelet has the devices.
func TestMixedNodes(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 16, kinds: harness.MixedCluster})
	kinds := append([]harness.PodKind{harness.CPUPod}, harness.GPUPods...)
	const each = 2
	for _, kind := range kinds {
		for i := range each {
			c.create(kind.Pod(fmt.Sprintf("%s-%d", kind.Name, i)))
		}
	}
	for _, kind := range kinds {
		for i := range each {
			pod := c.waitRunning(fmt.Sprintf("%s-%d", kind.Name, i), 30*time.Second)
			t.Logf("%-18s on %s", pod.Name, pod.Spec.NodeName)
		}
	}
	c.checkHistory()
}

// The nodes fill up to the last device; what is too much stays pending with a reason, and nothing is refused.
func TestFullCluster(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 8, kinds: harness.MixedCluster})
	demand := []struct {
		kind       harness.PodKind
		fits, over int
	}{{harness.SmallMIGPod, 16, 3}, {harness.MediumMIGPod, 8, 2}, {harness.LargeMIGPod, 8, 2}, {harness.SharedPod, 16, 3}, {harness.WholePod, 2*8 + 4 + 16 + 14, 4}}
	for _, row := range demand {
		for i := range row.fits + row.over {
			c.create(row.kind.Pod(fmt.Sprintf("%s-%d", row.kind.Name, i)))
		}
	}
	for _, row := range demand {
		c.waitFor(60*time.Second, func() (bool, string) {
			bound, said := c.countBound(row.kind)
			return bound == row.fits && said == row.over, fmt.Sprintf("%s: %d bound, %d said to be unschedulable; expected %d and %d", row.kind.Name, bound, said, row.fits, row.over)
		})
	}
	c.checkHistory()
}

func (c *cluster) countBound(kind harness.PodKind) (bound, unschedulable int) {
	c.t.Helper()
	pods, err := c.Admin.CoreV1().Pods(harness.Namespace).List(c.t.Context(), metav1.ListOptions{LabelSelector: "kind=" + kind.Name})
	must(c.t, err)
	for _, pod := range pods.Items {
		if pod.Spec.NodeName != "" {
			bound++
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
				unschedulable++
			}
		}
	}
	return bound, unschedulable
}

// The checks of this suite can fail: pods bound past the scheduler are refused by the kubelet and found in the history.
func TestOvercommitmentIsFound(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 1, kinds: []harness.NodeKind{{Name: "small", Resources: map[string]int64{"nvidia.com/gpu": 1}, Labels: harness.WholeNode.Labels}}})
	c.StopScheduler()
	for _, name := range []string{"fits", "too-much"} {
		pod := c.create(harness.WholePod.Pod(name))
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-small-00000"}}
		must(t, c.Admin.CoreV1().Pods(harness.Namespace).Bind(t.Context(), binding, metav1.CreateOptions{}))
	}
	c.waitFor(10*time.Second, func() (bool, string) {
		pod := c.pod("too-much")
		return pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "UnexpectedAdmissionError", podState(pod)
	})
	c.waitRunning("fits", 10*time.Second)
	changes, err := harness.ReadHistory(t.Context(), c.EtcdEndpoint)
	must(t, err)
	found := harness.Overcommitments(changes)
	if len(found) != 1 || !strings.Contains(found[0], "too-much on node-small-00000 makes nvidia.com/gpu 2 of 1") {
		t.Errorf("found %v", found)
	}
	if refused := c.kubelets.Refused(); len(refused) != 1 {
		t.Errorf("refused %v", refused)
	}
}
