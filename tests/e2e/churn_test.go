package e2e

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// churnSize scales the test; GPUSCHED_E2E_LONG=1 chooses the long one.
type churnSize struct {
	nodes, pods int
	duration    time.Duration // of the arrivals
	randomKills int           // besides one kill at each failpoint
}

var (
	shortChurn = churnSize{nodes: 50, pods: 500, duration: 40 * time.Second, randomKills: 4}
	longChurn  = churnSize{nodes: 200, pods: 2000, duration: 4 * time.Minute, randomKills: 20}
)

const apiServerRestarts = 2

// churn is the state that arrivals, deletions and faults share.
type churn struct {
	*cluster
	size   churnSize
	random *rand.Rand // of the arrivals and deletions alone
	mu     sync.Mutex
	live   map[string]bool // created and not deleted
	count  struct{ created, deleted int }
}

// Arrivals and deletions while the extender is killed at named points and at random and the API server is restarted:
// at no revision does a node hold more than it has, no kubelet refuses a pod, no pod is lost.
func TestChurn(t *testing.T) {
	size := shortChurn
	if os.Getenv("GPUSCHED_E2E_LONG") == "1" {
		size = longChurn
	}
	c := &churn{size: size, random: rand.New(rand.NewSource(2)), live: map[string]bool{}}
	c.cluster = startCluster(t, clusterOptions{nodes: size.nodes, kinds: harness.MixedCluster, noTap: true})
	c.extender.Supervise()
	faults := make(chan error, 1)
	go func() { faults <- c.injectFaults(t.Context()) }()
	c.arrive(t.Context())
	if err := <-faults; err != nil {
		t.Error(err)
	}
	t.Logf("%d pods created, %d deleted by users, extender ended %d times", c.count.created, c.count.deleted, c.extender.Ends())
	c.drainPending()
	c.checkNothingLost()
	c.clear()
	c.checkReservationsGone()
	c.checkHistory()
	c.checkParity()
}

// arrive creates pods of mixed dialects at an even rate, and deletes some of the living, some without grace.
func (c *churn) arrive(ctx context.Context) {
	interval := c.size.duration / time.Duration(c.size.pods)
	next := time.Now()
	for i := range c.size.pods {
		kind := harness.GPUPods[c.random.Intn(len(harness.GPUPods))]
		pod := kind.Pod(fmt.Sprintf("churn-%05d-%s", i, kind.Name))
		if c.random.Intn(4) == 0 {
			pod.Annotations[harness.FinishAfter] = fmt.Sprintf("%ds", 1+c.random.Intn(15))
		}
		c.insist(ctx, func() error {
			_, err := c.Admin.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
			return err
		})
		c.remember(pod.Name)
		if c.random.Intn(5) < 2 {
			c.deleteRandom(ctx)
		}
		next = next.Add(interval)
		time.Sleep(time.Until(next))
	}
}

func (c *churn) remember(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[name] = true
	c.count.created++
}

// take chooses a living pod and forgets it; "" if there is none.
func (c *churn) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.live))
	for name := range c.live {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	name := names[c.random.Intn(len(names))]
	delete(c.live, name)
	c.count.deleted++
	return name
}

func (c *churn) deleteRandom(ctx context.Context) {
	name := c.take()
	options := metav1.DeleteOptions{}
	if now := int64(0); c.random.Intn(3) == 0 {
		options.GracePeriodSeconds = &now
	}
	c.insist(ctx, func() error { return c.Admin.CoreV1().Pods(harness.Namespace).Delete(ctx, name, options) })
}

// insist repeats a write while the API server is away. It may have done what it gave no answer to.
func (c *churn) insist(ctx context.Context, write func() error) {
	for ctx.Err() == nil {
		err := write()
		if err == nil || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// injectFaults spreads over the time of the arrivals: every failpoint once, kills at random, restarts of the API
// server.
func (c *churn) injectFaults(ctx context.Context) error {
	random := rand.New(rand.NewSource(3))
	var faults []func() error
	for _, name := range failpoints() {
		faults = append(faults, func() error { return c.dieAt(ctx, name, 1+random.Intn(5)) })
	}
	for range c.size.randomKills {
		faults = append(faults, func() error {
			c.extender.KillFor(time.Duration(50+random.Intn(500)) * time.Millisecond)
			return nil
		})
	}
	for range apiServerRestarts {
		faults = append(faults, func() error { return c.RestartAPIServer(ctx, time.Second) })
	}
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	pause := c.size.duration / time.Duration(len(faults)+1)
	next := time.Now().Add(pause / 2)
	for _, fault := range faults {
		time.Sleep(time.Until(next))
		if err := fault(); err != nil {
			return err
		}
		next = next.Add(pause)
	}
	return nil
}

func (c *churn) dieAt(ctx context.Context, name string, nth int) error {
	if err := c.extender.ArmFailpoint(ctx, name, nth); err != nil {
		return err
	}
	ends := c.extender.Ends()
	return harness.WaitFor(ctx, 20*time.Second, 10*time.Millisecond, func() (bool, string) {
		return c.extender.Ends() > ends, fmt.Sprintf("the extender did not come past %s %d times", name, nth)
	})
}

// drainPending waits until no pod is pending. While some are and none has been bound for longer than the largest
// backoff, there must be no room for any of them; then running ones make room.
func (c *churn) drainPending() {
	c.t.Helper()
	const quiet = 15 * time.Second // backoff ends at 10 s
	deadline := time.Now().Add(3 * time.Minute)
	lastPending, lastChange := -1, time.Now()
	for {
		pods := c.allPods()
		pending := slices.DeleteFunc(slices.Clone(pods), func(pod corev1.Pod) bool { return pod.Spec.NodeName != "" })
		if len(pending) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%d pods are still pending, the first: %s", len(pending), podState(&pending[0]))
		}
		if len(pending) != lastPending {
			lastPending, lastChange = len(pending), time.Now()
		}
		if c.noRoom(pods, pending) {
			for range 10 {
				c.deleteRandom(c.t.Context())
			}
		} else if time.Since(lastChange) > quiet {
			c.t.Fatalf("there is room, and yet no pod of %d was bound for %s: %s", len(pending), quiet, podState(&pending[0]))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// noRoom says that none of the pending pods fits on any node.
func (c *churn) noRoom(pods, pending []corev1.Pod) bool {
	c.t.Helper()
	nodes, err := c.Admin.CoreV1().Nodes().List(c.t.Context(), metav1.ListOptions{})
	must(c.t, err)
	free := map[string]map[corev1.ResourceName]int64{}
	for _, node := range nodes.Items {
		free[node.Name] = map[corev1.ResourceName]int64{}
		for name, quantity := range node.Status.Allocatable {
			free[node.Name][name] = quantity.Value()
		}
	}
	for i := range pods {
		finished := pods[i].Status.Phase == corev1.PodSucceeded || pods[i].Status.Phase == corev1.PodFailed
		if pods[i].Spec.NodeName != "" && !finished {
			for name, count := range gpuRequests(&pods[i]) {
				free[pods[i].Spec.NodeName][name] -= count
			}
		}
	}
	return !slices.ContainsFunc(pending, func(pod corev1.Pod) bool {
		for _, node := range nodes.Items {
			if fits(gpuRequests(&pod), free[node.Name]) {
				return true
			}
		}
		return false
	})
}

func gpuRequests(pod *corev1.Pod) map[corev1.ResourceName]int64 {
	requests := map[corev1.ResourceName]int64{}
	for name, quantity := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		if strings.HasPrefix(string(name), harness.ResourcePrefix) {
			requests[name] = quantity.Value()
		}
	}
	return requests
}

func fits(requests, free map[corev1.ResourceName]int64) bool {
	for name, count := range requests {
		if free[name] < count {
			return false
		}
	}
	return true
}

// checkNothingLost: every pod that no user deleted is there, and runs or has succeeded.
func (c *churn) checkNothingLost() {
	c.t.Helper()
	c.waitFor(30*time.Second, func() (bool, string) {
		found := map[string]bool{}
		for _, pod := range c.allPods() {
			if pod.DeletionTimestamp != nil {
				continue
			}
			if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != corev1.PodSucceeded {
				return false, podState(&pod)
			}
			found[pod.Name] = true
		}
		for name := range c.live {
			if !found[name] {
				return false, name + " is gone"
			}
		}
		return len(found) == len(c.live), fmt.Sprintf("%d pods there, %d expected", len(found), len(c.live))
	})
	c.t.Logf("%d pods left, all running or succeeded", len(c.live))
}

// checkReservationsGone: with no pod left the extender holds nothing for one.
func (c *churn) checkReservationsGone() {
	c.t.Helper()
	if !c.extender.Program.IsReal {
		return
	}
	must(c.t, c.extender.WaitReady(c.t.Context()))
	const metric = "gpusched_extender_pods" // over all stages: pending, held, binding, bound
	c.waitFor(90*time.Second, func() (bool, string) {
		sum, found, err := c.extender.Metric(metric)
		return err == nil && found && sum == 0, fmt.Sprintf("%s is %v, found %t, %v", metric, sum, found, err)
	})
}
