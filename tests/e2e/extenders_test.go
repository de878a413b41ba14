package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

// Three nodes of two GPUs each, and what the stub says of those that it does not pass.
var (
	twoGPUNode = harness.NodeKind{Name: "small", Resources: map[string]int64{"nvidia.com/gpu": 2}, Labels: harness.WholeNode.Labels}
	threeNodes = []string{"node-small-00000", "node-small-00001", "node-small-00002"}
)

const stubReason = "not by the stub"

const shortHold = 3 // seconds

// The extender under test beside another one, and in the other roles that a configuration can give it: cases of upstream's
// TestSchedulerWithExtenders, TestSchedulerBinding, TestFindNodesThatPassExtenders and TestSchedulerExtender.
func TestExtenders(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 3, kinds: []harness.NodeKind{twoGPUNode}, holdSeconds: shortHold})
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender decides nothing")
	}
	c.stub = harness.NewStub()
	defer c.stub.Close()

	c.startScheduler(c.stubEntry(), c.entry())
	c.cases([]contractCase{
		{"LaterOneSeesSurvivors", laterSeesSurvivors},
		{"RejectionOfAnotherIsAVerdict", rejectedByAnother},
		{"ReasonsOfBothAreTold", reasonsOfBoth},
		{"ErrorOfAnotherFailsThePod", errorOfAnother},
	})
	other := c.stubEntry()
	other.ManagedResources = []schedulerv1.ExtenderManagedResource{{Name: "example.com/other"}}
	c.startScheduler(other, c.entry())
	c.cases([]contractCase{{"PodsOfOtherResourcesAreNotShown", notInterested}})

	ignorable := c.stubEntry()
	ignorable.Ignorable = true
	c.startScheduler(ignorable, c.entry())
	c.cases([]contractCase{{"IgnorableOneComesLastAndMayFail", ignorableLast}})

	c.startScheduler(c.entry(), c.stubEntry())
	c.cases([]contractCase{
		{"PlaceRejectedByALaterOneIsGivenBack", rejectedByLater},
		{"HoldThatEndsWakesThoseWhoWait", holdEnds},
	})
	ignored := c.entry()
	ignored.Ignorable = true
	c.startScheduler(ignored)
	c.cases([]contractCase{{"IgnorableAndDown", ignorableDown}})

	alone := c.entry()
	for i := range alone.ManagedResources {
		alone.ManagedResources[i].IgnoredByScheduler = true
	}
	whole := c.stubEntry()
	whole.NodeCacheCapable = false
	c.startScheduler(whole, alone)
	c.cases([]contractCase{
		{"AfterOneOfWholeNodes", afterWholeNodes},
		{"OnlyTheExtenderCounts", onlyExtenderCounts},
	})
	c.checkHistory()
}

// Where several nodes pass, kube-scheduler adds up what all score: weight x score x 10 for an extender.
func TestPriorities(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 3, kinds: []harness.NodeKind{twoGPUNode}, candidates: "all"})
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender scores all nodes the same")
	}
	c.stub = harness.NewStub()
	defer c.stub.Close()
	c.startScheduler(c.stubEntry(), c.entry())
	c.cases([]contractCase{
		{"LargerWeightWins", largerWeightWins},
		{"ScoreOutOfRangeWins", outOfRangeWins},
		{"ErrorOfAnotherPrioritizerIsIgnored", prioritizerFails},
		{"OneNodeLeftIsNotScored", oneNodeLeft},
	})
	c.checkHistory()
}

// stubEntry is the stub as kube-scheduler is to know it: filter and prioritize of all pods, with a small weight.
func (c *cluster) stubEntry() schedulerv1.Extender {
	return schedulerv1.Extender{URLPrefix: c.stub.URL(), FilterVerb: "filter", PrioritizeVerb: "prioritize", Weight: 1, NodeCacheCapable: true}
}

// passes answers filter with those of these nodes that it was asked for, in the form of the question.
func passes(nodes ...string) harness.Answer {
	return func(request []byte) (int, any) {
		var args extenderv1.ExtenderArgs
		if err := json.Unmarshal(request, &args); err != nil {
			return http.StatusBadRequest, nil
		}
		result := extenderv1.ExtenderFilterResult{FailedNodes: extenderv1.FailedNodesMap{}}
		isPassed := func(name string) bool {
			if !slices.Contains(nodes, name) {
				result.FailedNodes[name] = stubReason
			}
			return slices.Contains(nodes, name)
		}
		if args.Nodes != nil {
			args.Nodes.Items = slices.DeleteFunc(args.Nodes.Items, func(node corev1.Node) bool { return !isPassed(node.Name) })
			result.Nodes = args.Nodes
		} else {
			*args.NodeNames = slices.DeleteFunc(*args.NodeNames, func(name string) bool { return !isPassed(name) })
			result.NodeNames = args.NodeNames
		}
		return http.StatusOK, result
	}
}

func prefers(node string, score int64) harness.Answer {
	return func([]byte) (int, any) {
		return http.StatusOK, extenderv1.HostPriorityList{{Host: node, Score: score}}
	}
}

func fails([]byte) (int, any) { return http.StatusInternalServerError, nil }

// askedNodes are the names of a filter call.
func (c *cluster) askedNodes(call harness.Call) []string {
	c.t.Helper()
	var args extenderv1.ExtenderArgs
	must(c.t, json.Unmarshal(call.Request, &args))
	if args.NodeNames == nil {
		c.t.Fatalf("asked without names: %s", call.Request)
	}
	return *args.NodeNames
}

// podOfTypo asks for what it wants with a misspelt annotation: the extender refuses it everywhere.
func podOfTypo(name string) *corev1.Pod {
	pod := harness.WholePod.Pod(name)
	pod.Annotations["gpusched.io/modus"] = "mig"
	return pod
}

func laterSeesSurvivors(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes[1]))
	c.create(harness.WholePod.Pod("survivor"))
	pod := c.waitRunning("survivor", 10*time.Second)
	if pod.Spec.NodeName != threeNodes[1] || pod.Annotations[harness.AllocationAnnotation] == "" {
		c.t.Errorf("%s, annotations %v", podState(pod), pod.Annotations)
	}
	for _, call := range c.tap.Calls("filter", "survivor") {
		if names := c.askedNodes(call); !slices.Equal(names, threeNodes[1:2]) {
			c.t.Errorf("asked for %v", names)
		}
	}
}

func rejectedByAnother(c *cluster) {
	c.stub.Answer("filter", passes())
	c.create(harness.WholePod.Pod("rejected"))
	message := c.waitUnschedulable("rejected", 10*time.Second)
	if !strings.HasPrefix(message, corev1.PodReasonUnschedulable) || !strings.Contains(message, "3 "+stubReason) {
		c.t.Error(message)
	}
	if calls := c.tap.Calls("filter", "rejected"); len(calls) > 0 {
		c.t.Errorf("asked with no node left: %s", calls[0].Request)
	}
}

func reasonsOfBoth(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes[0]))
	c.create(podOfTypo("typo"))
	message := c.waitUnschedulable("typo", 10*time.Second)
	for _, part := range []string{"0/3 nodes are available", "2 " + stubReason, "1 unknown annotation gpusched.io/modus"} {
		if !strings.Contains(message, part) {
			c.t.Errorf("'%s' is not in: %s", part, message)
		}
	}
}

func errorOfAnother(c *cluster) {
	c.stub.Answer("filter", fails)
	c.create(harness.WholePod.Pod("unlucky"))
	if message := c.waitUnschedulable("unlucky", 10*time.Second); !strings.HasPrefix(message, corev1.PodReasonSchedulerError) {
		c.t.Error(message)
	}
	if calls := c.tap.Calls("filter", "unlucky"); len(calls) > 0 {
		c.t.Errorf("asked after an error: %s", calls[0].Request)
	}
	c.stub.Answer("filter", passes(threeNodes...))
	c.waitRunning("unlucky", 20*time.Second) // after kube-scheduler's backoff
}

// kube-scheduler looks at requests and limits of containers and init containers. What an extender makes of pods that are
// none of its business does not matter, and those of no extender are bound by kube-scheduler.
func notInterested(c *cluster) {
	c.stub.Answer("filter", fails)
	c.create(harness.CPUPod.Pod("no-gpu"))
	if pod := c.waitRunning("no-gpu", 10*time.Second); pod.Annotations[harness.AllocationAnnotation] != "" {
		c.t.Errorf("bound by the extender: %v", pod.Annotations)
	}
	if len(c.tap.Calls("filter", "no-gpu"))+len(c.stub.Calls("filter", "no-gpu"))+len(c.tap.Calls("bind", "no-gpu")) > 0 {
		c.t.Error("an extender was asked for a pod without GPUs")
	}
	initOnly := harness.CPUPod.Pod("init-only")
	initOnly.Spec.InitContainers = harness.InitPod.Pod("").Spec.InitContainers
	c.create(initOnly)
	c.create(harness.RequestsPod.Pod("requests-too"))
	for _, name := range []string{"init-only", "requests-too"} {
		pod := c.waitRunning(name, 10*time.Second)
		if pod.Annotations[harness.AllocationAnnotation] == "" || len(c.stub.Calls("filter", name)) > 0 {
			c.t.Errorf("%s is to be shown to this extender alone: %v", name, pod.Annotations)
		}
	}
}

func ignorableLast(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes...))
	c.create(harness.WholePod.Pod("ordered"))
	c.waitRunning("ordered", 10*time.Second)
	ours, others := c.tap.Calls("filter", "ordered"), c.stub.Calls("filter", "ordered")
	if len(ours) == 0 || len(others) == 0 || !ours[0].Start.Before(others[0].Start) {
		c.t.Fatalf("%d calls, and %d of the stub: the ignorable one is to come last", len(ours), len(others))
	}
	if names := c.askedNodes(others[0]); len(names) != 1 {
		c.t.Errorf("the stub was asked for %v", names)
	}
	c.stub.Answer("filter", fails)
	c.create(harness.WholePod.Pod("ignoring"))
	c.waitRunning("ignoring", 10*time.Second)
}

// Filter is no commitment. The pod that another extender rejects after us is tried again and again, and must not keep
// others from its place.
func rejectedByLater(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes...))
	for _, name := range []string{"full-0", "full-1"} {
		c.create(harness.TwoGPUsPod.Pod(name))
		c.waitRunning(name, 10*time.Second)
	}
	c.stub.Answer("filter", func(request []byte) (int, any) {
		if strings.Contains(string(request), `"name":"never"`) {
			return passes()(request)
		}
		return passes(threeNodes...)(request)
	})
	c.create(harness.TwoGPUsPod.Pod("never"))
	c.t.Log(c.waitUnschedulable("never", 10*time.Second))
	c.create(harness.TwoGPUsPod.Pod("instead"))
	start := time.Now()
	c.waitRunning("instead", 20*time.Second)
	c.t.Logf("bound after %s; the rejected pod was tried %d times", time.Since(start).Round(time.Millisecond), len(c.tap.Calls("filter", "never")))
}

// Nobody tells an extender that a pod for which it holds a place is gone, and what only the extender knows wakes nobody:
// it must end the hold by itself, and make a change that kube-scheduler sees.
func holdEnds(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes...))
	now := int64(0)
	for i, name := range []string{"holder-0", "holder-1", "holder-2"} {
		pod := harness.TwoGPUsPod.Pod(name)
		pod.Spec.SchedulerName = "nobody"
		if result := c.filter(c.create(pod), threeNodes[i]); result.Error != "" || len(*result.NodeNames) != 1 {
			c.t.Fatalf("%+v", result)
		}
		must(c.t, c.Admin.CoreV1().Pods(harness.Namespace).Delete(c.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	}
	c.create(harness.WholePod.Pod("sleeper"))
	c.t.Log(c.waitUnschedulable("sleeper", shortHold*time.Second))
	c.boundWithin("sleeper", (shortHold+3)*time.Second)
}

// kube-scheduler goes on without an ignorable extender that is down and binds itself. Back again, the extender counts
// what was placed meanwhile.
func ignorableDown(c *cluster) {
	c.extender.Kill()
	c.create(harness.WholePod.Pod("alone"))
	if pod := c.waitRunning("alone", 10*time.Second); pod.Annotations[harness.AllocationAnnotation] != "" {
		c.t.Errorf("who wrote %v?", pod.Annotations)
	}
	must(c.t, c.extender.Start())
	must(c.t, c.extender.WaitReady(c.t.Context()))
	asked := harness.TwoGPUsPod.Pod("asked")
	asked.Spec.SchedulerName = "nobody"
	result := c.filter(c.create(asked), c.pod("alone").Spec.NodeName)
	if result.Error != "" || len(*result.NodeNames) > 0 {
		c.t.Errorf("room for two GPUs beside a pod on a node of two: %+v", result)
	}
}

// Another extender that takes whole Nodes stands before: it does not matter to us, and both verdicts count.
func afterWholeNodes(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes[2]))
	c.create(harness.WholePod.Pod("whole-before"))
	if pod := c.waitRunning("whole-before", 10*time.Second); pod.Spec.NodeName != threeNodes[2] || pod.Annotations[harness.AllocationAnnotation] == "" {
		c.t.Errorf("%s, annotations %v", podState(pod), pod.Annotations)
	}
}

// With ignoredByScheduler kube-scheduler lets every node pass; the extender alone keeps from giving anything twice.
func onlyExtenderCounts(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes...))
	const fit, over = 6, 2
	must(c.t, c.CreatePods(c.t.Context(), fit+over, harness.WholePod))
	c.waitFor(20*time.Second, func() (bool, string) {
		bound, said := c.countBound(harness.WholePod)
		return bound == fit && said == over, podStates(c.allPods())
	})
}

func podStates(pods []corev1.Pod) string {
	var lines []string
	for i := range pods {
		lines = append(lines, podState(&pods[i]))
	}
	return strings.Join(lines, "\n")
}

// onFullerNode lets one GPU of the first node be used: the extender scores that node 10 then, and the others 0.
func (c *cluster) onFullerNode() {
	c.t.Helper()
	c.stub.Answer("filter", passes(threeNodes[0]))
	c.stub.Answer("prioritize", prefers(threeNodes[0], 0))
	c.create(harness.WholePod.Pod("first"))
	c.waitRunning("first", 10*time.Second)
	c.stub.Answer("filter", passes(threeNodes...))
}

func (c *cluster) expectNode(name, node string) {
	c.t.Helper()
	c.create(harness.WholePod.Pod(name))
	if pod := c.waitRunning(name, 10*time.Second); pod.Spec.NodeName != node {
		c.t.Errorf("%s, not on %s", podState(pod), node)
	}
	if calls := c.tap.Calls("prioritize", name); len(calls) == 0 {
		c.t.Error("the extender was not asked to score")
	}
}

func largerWeightWins(c *cluster) {
	c.onFullerNode()
	c.stub.Answer("prioritize", prefers(threeNodes[1], extenderv1.MaxExtenderPriority))
	c.expectNode("weighed", threeNodes[0])
}

// kube-scheduler checks no range: a score of 100 from the small one outweighs the 10 of the large one.
func outOfRangeWins(c *cluster) {
	c.onFullerNode()
	c.stub.Answer("prioritize", prefers(threeNodes[1], 10*extenderv1.MaxExtenderPriority))
	c.expectNode("shouted", threeNodes[1])
}

func prioritizerFails(c *cluster) {
	c.onFullerNode()
	c.stub.Answer("prioritize", fails)
	c.expectNode("unscored", threeNodes[0])
}

func oneNodeLeft(c *cluster) {
	c.stub.Answer("filter", passes(threeNodes[2]))
	c.stub.Answer("prioritize", fails)
	c.create(harness.WholePod.Pod("only"))
	c.waitRunning("only", 10*time.Second)
	if len(c.tap.Calls("prioritize", "only"))+len(c.stub.Calls("prioritize", "only")) > 0 {
		c.t.Error("asked to score the only node")
	}
}

// The same pods one after the other in names mode and with whole Nodes: kube-scheduler must come to the same nodes.
func TestWholeNodes(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 8, kinds: harness.MixedCluster})
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender knows names alone")
	}
	names := c.placeAll()
	c.clear()
	c.extender.Kill() // both runs begin with an extender that has decided nothing yet
	must(t, c.extender.Start())
	must(t, c.extender.WaitReady(t.Context()))
	entry := c.entry()
	entry.NodeCacheCapable = false
	c.startScheduler(entry)
	whole := c.placeAll()
	calls := c.tap.Calls("filter", "whole-a")
	if last := calls[len(calls)-1].Request; !strings.Contains(string(last), `"NodeNames":null`) {
		t.Fatalf("asked with names: %.200s", last)
	}
	if !slices.Equal(names, whole) {
		t.Errorf("with names:\n%s\nwith whole Nodes:\n%s", strings.Join(names, "\n"), strings.Join(whole, "\n"))
	}
	c.checkHistory()
}

// placeAll creates two pods of each kind, each once the one before it runs, and says where they went.
func (c *cluster) placeAll() []string {
	c.t.Helper()
	var places []string
	for _, kind := range harness.GPUPods {
		for _, name := range []string{kind.Name + "-a", kind.Name + "-b"} {
			c.create(kind.Pod(name))
			places = append(places, name+" on "+c.waitRunning(name, 10*time.Second).Spec.NodeName)
		}
	}
	return places
}
