package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const bindTimeout = 2 * time.Second // of kube-scheduler's calls, in TestContract

// What kube-scheduler's contract asks of an extender, seen through kube-scheduler itself. One cluster serves all
// cases; each leaves it empty.
func TestContract(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 2, kinds: []harness.NodeKind{twoGPUNode, harness.CPUNode}, extenderTimeout: bindTimeout})
	c.extender.Supervise()
	c.cases([]contractCase{
		{"AnnotationOfBindingArrivesOnPod", annotationArrives},
		{"RejectedPodIsTriedWhenAHolderGoes", retriedWhenHolderGoes},
		{"RejectedPodIsTriedWhenAllocatableGrows", retriedWhenAllocatableGrows},
		{"LateAnswerToBindLeavesPodBoundOnce", lateBindAnswer},
		{"PodWaitsWhileExtenderIsDown", extenderDown},
		{"KilledBeforeBindWrite", func(c *cluster) { killedAt(c, "bind_before_write") }},
		{"KilledAfterBindWrite", func(c *cluster) { killedAt(c, "bind_after_write") }},
		{"RecreatedPodGetsItsOwnBinding", recreatedPod},
		{"ApiServerRestartCutsWatches", apiServerRestart},
	})
	c.checkHistory()
}

type contractCase struct {
	name string
	run  func(c *cluster)
}

// cases runs them one after the other; each leaves the cluster empty.
func (c *cluster) cases(cases []contractCase) {
	for _, row := range cases {
		c.t.Run(row.name, func(t *testing.T) {
			sub := *c
			sub.t = t
			defer sub.clear()
			row.run(&sub)
		})
	}
}

// clear deletes all pods at once and waits until none is left.
func (c *cluster) clear() {
	c.t.Helper()
	now := int64(0)
	pods := c.Admin.CoreV1().Pods(harness.Namespace)
	must(c.t, pods.DeleteCollection(c.t.Context(), metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}))
	c.waitFor(10*time.Second, func() (bool, string) {
		left, err := pods.List(c.t.Context(), metav1.ListOptions{})
		must(c.t, err)
		return len(left.Items) == 0, fmt.Sprintf("%d pods left", len(left.Items))
	})
}

func annotationArrives(c *cluster) {
	c.create(harness.WholePod.Pod("annotated"))
	pod := c.waitRunning("annotated", 10*time.Second)
	prefix := harness.AllocationAnnotation
	if !c.extender.Program.IsReal {
		prefix = "echo-extender/"
	}
	for key, value := range pod.Annotations {
		if strings.HasPrefix(key, prefix) {
			c.t.Logf("%s: %s", key, value)
			return
		}
	}
	c.t.Errorf("no annotation %s: %v", prefix, pod.Annotations)
}

func (c *cluster) fill() {
	c.t.Helper()
	for _, name := range []string{"holder-0", "holder-1"} {
		c.create(harness.WholePod.Pod(name))
	}
	for _, name := range []string{"holder-0", "holder-1"} {
		c.waitRunning(name, 10*time.Second)
	}
}

// settle lets the first backoff of a rejected pod pass (1 s), so that only the new event decides when it is tried.
func settle() { time.Sleep(2500 * time.Millisecond) }

func retriedWhenHolderGoes(c *cluster) {
	c.fill()
	c.create(harness.WholePod.Pod("waits"))
	c.t.Log(c.waitUnschedulable("waits", 10*time.Second))
	settle()
	now := int64(0)
	must(c.t, c.Admin.CoreV1().Pods(harness.Namespace).Delete(c.t.Context(), "holder-0", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	c.boundWithin("waits", time.Second)
}

func retriedWhenAllocatableGrows(c *cluster) {
	c.fill()
	c.create(harness.WholePod.Pod("waits"))
	c.waitUnschedulable("waits", 10*time.Second)
	settle()
	must(c.t, c.kubelets.Grow(c.t.Context(), "node-small-00000", "nvidia.com/gpu", 2, 3))
	c.boundWithin("waits", time.Second)
}

func (c *cluster) boundWithin(name string, limit time.Duration) {
	c.t.Helper()
	start := time.Now()
	c.waitFor(30*time.Second, func() (bool, string) {
		pod := c.pod(name)
		return pod.Spec.NodeName != "", podState(pod)
	})
	took := time.Since(start)
	c.t.Logf("%s bound after %s", name, took.Round(time.Millisecond))
	if took > limit {
		c.t.Errorf("%s was bound only after %s", name, took)
	}
}

// The Binding is written, the answer comes after kube-scheduler has given up: the pod stays bound, and its devices
// count once.
func lateBindAnswer(c *cluster) {
	c.tap.DelayNext("bind", bindTimeout+time.Second)
	c.create(harness.TwoGPUsPod.Pod("late"))
	node := c.waitRunning("late", 10*time.Second).Spec.NodeName
	time.Sleep(bindTimeout + 2*time.Second)
	if pod := c.pod("late"); pod.Spec.NodeName != node || pod.Status.Phase != corev1.PodRunning {
		c.t.Error(podState(pod))
	}
	c.t.Logf("bind was called %d times", len(c.tap.Calls("bind", "late")))
	c.delete("late")
	c.create(harness.TwoGPUsPod.Pod("next"))
	c.waitRunning("next", 15*time.Second)
}

// No answer is an error, not a verdict: the pod is tried again after kube-scheduler's backoff.
func extenderDown(c *cluster) {
	c.extender.KillFor(2 * time.Second)
	c.create(harness.WholePod.Pod("patient"))
	if message := c.waitUnschedulable("patient", 5*time.Second); !strings.HasPrefix(message, corev1.PodReasonSchedulerError) {
		c.t.Error(message)
	}
	c.waitRunning("patient", 20*time.Second)
}

// A crash at a named point: the extender is started again, and the pod ends bound once.
func killedAt(c *cluster, point string) {
	if !slices.Contains(failpoints(), point) {
		c.t.Skipf("%s is not in GPUSCHED_E2E_FAILPOINTS", point)
	}
	must(c.t, c.extender.ArmFailpoint(c.t.Context(), point, 1))
	ends := c.extender.Ends()
	c.create(harness.TwoGPUsPod.Pod("survivor"))
	c.waitRunning("survivor", 30*time.Second)
	c.waitFor(5*time.Second, func() (bool, string) { return c.extender.Ends() > ends, "the extender did not die at " + point })
	must(c.t, c.extender.WaitReady(c.t.Context()))
}

// failpoints are the names that the extender knows; these two are also in the echo extender.
func failpoints() []string {
	text := os.Getenv("GPUSCHED_E2E_FAILPOINTS")
	if text == "" {
		text = "bind_before_write,bind_after_write"
	}
	return strings.Split(text, ",")
}

func recreatedPod(c *cluster) {
	first := c.create(harness.WholePod.Pod("twin"))
	c.waitRunning("twin", 10*time.Second)
	now := int64(0)
	must(c.t, c.Admin.CoreV1().Pods(harness.Namespace).Delete(c.t.Context(), "twin", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	second := c.create(harness.WholePod.Pod("twin"))
	pod := c.waitRunning("twin", 15*time.Second)
	if pod.UID != second.UID || pod.UID == first.UID {
		c.t.Errorf("running is %s, created were %s and %s", pod.UID, first.UID, second.UID)
	}
}

func apiServerRestart(c *cluster) {
	c.fill()
	must(c.t, c.RestartAPIServer(c.t.Context(), time.Second))
	c.delete("holder-1")
	c.create(harness.WholePod.Pod("after"))
	c.waitRunning("after", 30*time.Second)
}
