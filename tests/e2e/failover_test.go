package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"
)

// Two extenders with --leader-elect: one is ready, the other refuses to decide. When the leader dies without a word, the
// other takes over and binds.
func TestFailover(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 2, kinds: []harness.NodeKind{harness.WholeNode, harness.CPUNode}, noTap: true})
	c.StopScheduler()
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender knows no leader")
	}
	c.extender.Kill()
	var both [2]*harness.Extender
	for i, name := range []string{"extender-a", "extender-b"} {
		extender, err := c.LaunchExtender(t.Context(), c.extender.Program, name, "gpusched-extender", []string{"--leader-elect"})
		must(t, err)
		defer extender.Close()
		both[i] = extender
	}
	var leader, follower *harness.Extender
	c.waitFor(30*time.Second, func() (bool, string) {
		a, b := ready(both[0]), ready(both[1])
		if a && b {
			t.Fatal("both are ready")
		}
		leader, follower = both[0], both[1]
		if b {
			leader, follower = both[1], both[0]
		}
		_, why := readiness(follower)
		return (a || b) && strings.Contains(why, "not the leader"), "none is ready, or the other is not up: " + why
	})

	pod := c.create(harness.WholePod.Pod("before"))
	asked := c.of(follower)
	if result := asked.filter(pod, gpuNode); !strings.Contains(result.Error, "not the leader") {
		t.Errorf("filter of the follower: %+v", result)
	}
	if message := asked.bind(pod, gpuNode); !strings.Contains(message, "not the leader") {
		t.Errorf("bind of the follower: %q", message)
	}
	asked = c.of(leader)
	if result := asked.filter(pod, gpuNode); result.Error != "" || result.NodeNames == nil || len(*result.NodeNames) != 1 {
		t.Errorf("filter of the leader: %+v", result)
	}
	if message := asked.bind(pod, gpuNode); message != "" {
		t.Errorf("bind of the leader: %q", message)
	}

	start := time.Now()
	leader.Kill()
	// The Lease lasts 15 s; the follower sees its last renewal one retry late and looks once more after its end.
	c.waitFor(20*time.Second, func() (bool, string) { return ready(follower), "the follower is not ready: " + follower.LogTail(5) })
	t.Logf("the follower was ready %.1f s after the end of the leader", time.Since(start).Seconds())
	pod = c.create(harness.WholePod.Pod("after"))
	asked = c.of(follower)
	if result := asked.filter(pod, gpuNode); result.Error != "" {
		t.Errorf("filter after the change: %+v", result)
	}
	if message := asked.bind(pod, gpuNode); message != "" {
		t.Errorf("bind after the change: %q", message)
	}
	c.waitRunning("before", 10*time.Second)
	c.waitRunning("after", 10*time.Second)
	c.checkHistory()
}

// of is the cluster whose calls go to that extender.
func (c *cluster) of(extender *harness.Extender) *cluster {
	other := *c
	other.extender = extender
	return &other
}

func ready(extender *harness.Extender) bool {
	isReady, _ := readiness(extender)
	return isReady
}

// readiness also says why not.
func readiness(extender *harness.Extender) (bool, string) {
	response, err := http.Get(extender.URL + "/readyz")
	if err != nil {
		return false, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err.Error()
	}
	return response.StatusCode == http.StatusOK, string(text)
}
