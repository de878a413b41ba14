package e2e

import (
	"fmt"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
)

// Pod groups by label through the real kube-scheduler: all their pods are bound, or none.
func TestGang(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 2, kinds: []harness.NodeKind{twoGPUNode}})
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender knows no pod groups")
	}
	c.startScheduler(c.entry())
	c.cases([]contractCase{
		{"WaitsForItsLastPod", gangWaits},
		{"OfTwoThatDoNotFitTogetherOneRunsWhole", gangsCompete},
	})
	c.checkHistory()
}

func gangPod(gang string, number, size int) *corev1.Pod {
	pod := gpuPod(fmt.Sprintf("%s-%d", gang, number), 1, "", "")
	pod.Labels["scheduling.x-k8s.io/pod-group"] = gang
	pod.Annotations["gpusched.io/gang-size"] = fmt.Sprint(size)
	return pod
}

func gangWaits(c *cluster) {
	for number := range 2 {
		c.create(gangPod("trio", number, 3))
	}
	for number := range 2 {
		c.waitUnschedulable(fmt.Sprintf("trio-%d", number), 10*time.Second)
	}
	c.create(gangPod("trio", 2, 3))
	for number := range 3 {
		c.waitRunning(fmt.Sprintf("trio-%d", number), 20*time.Second)
	}
}

// Of four GPUs each gang needs three.
func gangsCompete(c *cluster) {
	for number := range 3 {
		c.create(gangPod("left", number, 3))
		c.create(gangPod("right", number, 3))
	}
	bound := map[string]int{}
	c.waitFor(20*time.Second, func() (bool, string) {
		bound = map[string]int{}
		for _, pod := range c.allPods() {
			if pod.Spec.NodeName != "" {
				bound[pod.Labels["scheduling.x-k8s.io/pod-group"]]++
			}
		}
		return bound["left"] == 3 || bound["right"] == 3, fmt.Sprint(bound)
	})
	winner, loser := "left", "right"
	if bound["right"] == 3 {
		winner, loser = loser, winner
	}
	for number := range 3 {
		c.waitUnschedulable(fmt.Sprintf("%s-%d", loser, number), 10*time.Second)
	}
	if bound[loser] != 0 {
		c.t.Fatalf("%d pods of the gang that does not fit are bound", bound[loser])
	}
	for number := range 3 {
		c.delete(fmt.Sprintf("%s-%d", winner, number))
	}
	for number := range 3 {
		c.waitRunning(fmt.Sprintf("%s-%d", loser, number), 20*time.Second)
	}
}
