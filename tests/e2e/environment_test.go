// Package e2e drives a scheduler extender with the real kube-scheduler against the real kube-apiserver and etcd.
// tests/e2e/run builds what it needs.
package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// cluster is one control plane with an extender and hollow kubelets, made for one test.
type cluster struct {
	*harness.ControlPlane
	t        *testing.T
	extender *harness.Extender
	tap      *harness.Tap  // between kube-scheduler and extender
	stub     *harness.Stub // another extender, in tests that start one
	kubelets *harness.Kubelets

	extenderTimeout time.Duration
}

type clusterOptions struct {
	nodes           int
	kinds           []harness.NodeKind
	candidates      string                // default 1
	holdSeconds     int                   // 0: the extender's default
	extenderTimeout time.Duration         // of kube-scheduler's calls
	noTap           bool                  // kube-scheduler calls the extender straight
	certificates    *harness.Certificates // the extender serves HTTPS; nil: HTTP
}

func binDir() string {
	if dir := os.Getenv("GPUSCHED_E2E_BIN"); dir != "" {
		return dir
	}
	dir, _ := filepath.Abs("../../build/e2e/bin")
	return dir
}

func startCluster(t *testing.T, options clusterOptions) *cluster {
	t.Helper()
	ctx := t.Context()
	program, err := harness.FindExtender(binDir())
	must(t, err)
	t.Logf("extender under test: %s", program.Path)
	if !program.IsReal {
		t.Log("it is the echo extender, which decides nothing: checks of decisions are left out")
	}
	dir := filepath.Join(binDir(), "..", "logs", t.Name())
	must(t, os.RemoveAll(dir))
	plane, err := harness.StartControlPlane(ctx, filepath.Join(binDir(), "controlplane"), dir)
	must(t, err)
	c := &cluster{ControlPlane: plane, t: t, extenderTimeout: options.extenderTimeout}
	t.Cleanup(c.close)
	must(t, plane.CreateNodes(ctx, options.nodes, options.kinds...))
	if options.candidates == "" {
		options.candidates = "1"
	}
	c.extender, err = plane.StartExtender(ctx, program, harness.ExtenderOptions{
		Candidates: options.candidates, HoldSeconds: options.holdSeconds, Certificates: options.certificates})
	must(t, err)
	if !options.noTap {
		c.tap = harness.NewTap(c.extender.URL)
		c.tap.Client = c.extender.Client
	}
	c.kubelets, err = harness.StartKubelets(ctx, plane.Admin, 1)
	must(t, err)
	c.startScheduler(c.entry())
	return c
}

// entry is the extender under test as kube-scheduler is to know it; through the tap if there is one.
func (c *cluster) entry() schedulerv1.Extender {
	url := c.extender.URL
	if c.tap != nil {
		url = c.tap.URL()
	}
	entry := harness.GpuschedEntry(url)
	entry.HTTPTimeout.Duration = c.extenderTimeout
	return entry
}

// startScheduler starts kube-scheduler anew with these extenders.
func (c *cluster) startScheduler(extenders ...schedulerv1.Extender) {
	c.t.Helper()
	must(c.t, c.StartScheduler(c.t.Context(), harness.SchedulerConfig{PercentageOfNodesToScore: 100, Extenders: extenders}))
}

func (c *cluster) close() {
	if c.t.Failed() {
		for _, process := range []*harness.Process{c.Etcd, c.APIServer, c.Scheduler, c.extenderProcess()} {
			if process != nil {
				c.t.Logf("end of %s:\n%s", process.LogPath, process.LogTail(15))
			}
		}
	}
	if c.tap != nil {
		c.tap.Close()
	}
	if c.extender != nil {
		c.extender.Close()
	}
	c.ControlPlane.Close()
}

func (c *cluster) extenderProcess() *harness.Process {
	if c.extender == nil {
		return nil
	}
	return c.extender.Process
}

func (c *cluster) create(pod *corev1.Pod) *corev1.Pod {
	c.t.Helper()
	created, err := c.Admin.CoreV1().Pods(pod.Namespace).Create(c.t.Context(), pod, metav1.CreateOptions{})
	must(c.t, err)
	return created
}

func (c *cluster) pod(name string) *corev1.Pod {
	c.t.Helper()
	pod, err := c.Admin.CoreV1().Pods(harness.Namespace).Get(c.t.Context(), name, metav1.GetOptions{})
	must(c.t, err)
	return pod
}

func (c *cluster) allPods() []corev1.Pod {
	c.t.Helper()
	pods, err := c.Admin.CoreV1().Pods(harness.Namespace).List(c.t.Context(), metav1.ListOptions{})
	must(c.t, err)
	return pods.Items
}

// delete takes a pod away as a user does: the hollow kubelet ends it after its grace period.
func (c *cluster) delete(name string) {
	c.t.Helper()
	must(c.t, c.Admin.CoreV1().Pods(harness.Namespace).Delete(c.t.Context(), name, metav1.DeleteOptions{}))
}

func (c *cluster) waitRunning(name string, timeout time.Duration) *corev1.Pod {
	c.t.Helper()
	var pod *corev1.Pod
	c.waitFor(timeout, func() (bool, string) {
		pod = c.pod(name)
		return pod.Status.Phase == corev1.PodRunning, podState(pod)
	})
	return pod
}

func (c *cluster) waitFor(timeout time.Duration, condition func() (bool, string)) {
	c.t.Helper()
	must(c.t, harness.WaitFor(c.t.Context(), timeout, 10*time.Millisecond, condition))
}

// waitUnschedulable waits until kube-scheduler has tried the pod and says which reason it gave.
func (c *cluster) waitUnschedulable(name string, timeout time.Duration) string {
	c.t.Helper()
	var message string
	c.waitFor(timeout, func() (bool, string) {
		for _, condition := range c.pod(name).Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				message = condition.Reason + ": " + condition.Message
			}
		}
		return message != "", podState(c.pod(name))
	})
	return message
}

// checkHistory reads all revisions: no node was ever given more than it has, no two allocation records overlap, no
// kubelet refused a pod.
func (c *cluster) checkHistory() []harness.Change {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	changes, err := harness.ReadHistory(ctx, c.EtcdEndpoint)
	must(c.t, err)
	for _, line := range harness.Overcommitments(changes) {
		c.t.Error(line)
	}
	overlaps, records := harness.Overlaps(changes)
	for _, line := range overlaps {
		c.t.Error(line)
	}
	if c.extender.Program.IsReal && records == 0 && harness.BoundPods(changes) > 0 {
		c.t.Error("no bound pod carries an allocation record")
	}
	for _, line := range c.kubelets.Refused() {
		c.t.Errorf("UnexpectedAdmissionError: %s", line)
	}
	c.t.Logf("%d changes of pods and nodes, %d pods bound, %d allocation records: all revisions checked", len(changes), harness.BoundPods(changes), records)
	return changes
}

func podState(pod *corev1.Pod) string {
	state := string(pod.Status.Phase) + " on " + pod.Spec.NodeName
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled {
			state += ", " + condition.Reason + ": " + condition.Message
		}
	}
	return pod.Name + ": " + state
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
