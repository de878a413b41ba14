package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

const (
	fourNode   = "node-four-00000"
	smallNode  = "node-small-00001"
	fourVictim = "holds-four" // on the former
	twoVictim  = "holds-two"  // on the latter
)

// Preemption through kube-scheduler: it finds the victims of each node, the extender says which node it is to be.
// Upstream's TestCallExtenders and its integration tests of preemption, as far as one sees them from outside.
func TestPreemption(t *testing.T) {
	four := harness.NodeKind{Name: "four", Resources: map[string]int64{"nvidia.com/gpu": 4}, Labels: harness.WholeNode.Labels}
	c := startCluster(t, clusterOptions{nodes: 2, kinds: []harness.NodeKind{four, twoGPUNode}})
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: the echo extender has no preempt verb")
	}
	c.createPriorities(map[string]int32{"low": 10, "middle": 100, "high": 1000})
	c.cases([]contractCase{{"WithoutTheVerbTheNewestGoes", withoutPreemptVerb}})

	entry := c.entry()
	entry.PreemptVerb = "preempt"
	c.startScheduler(entry)
	c.cases([]contractCase{
		{"TheEngineChoosesTheNode", engineChooses},
		{"BudgetsAreCarriedOver", budgetsAreCarried},
		{"VictimsHoldTheirPlaceUntilTheyAreGone", victimsHold},
		{"NobodyGoesForAPodRefusedAnyway", refusedAnyway},
		{"FinalReasonsAreNoCaseForPreemption", finalReasons},
		{"NobodyGoesWhileTheExtenderIsDown", preemptWhileDown},
	})
	whole := entry
	whole.NodeCacheCapable = false
	c.startScheduler(whole)
	c.cases([]contractCase{{"WholePodsAreAnsweredWithTheirUIDs", wholeVictims}})

	c.stub = harness.NewStub()
	defer c.stub.Close()
	before := c.stubEntry()
	before.PreemptVerb = "preempt"
	c.startScheduler(before, entry)
	c.cases([]contractCase{
		{"AnotherMayTakeNodesAway", anotherTakesAway},
		{"AnotherMayLeaveNone", anotherLeavesNone},
	})
	c.checkHistory()
}

// createPriorities also waits until the API server's own admission knows them.
func (c *cluster) createPriorities(classes map[string]int32) {
	c.t.Helper()
	for name, value := range classes {
		class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
		_, err := c.Admin.SchedulingV1().PriorityClasses().Create(c.t.Context(), class, metav1.CreateOptions{})
		must(c.t, err)
		c.waitFor(10*time.Second, func() (bool, string) {
			_, err := c.Admin.CoreV1().Pods(harness.Namespace).Create(c.t.Context(), gpuPod("probe", 1, name, ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err == nil, fmt.Sprint(err)
		})
	}
}

// gpuPod asks for so many GPUs, on that node unless it is "".
func gpuPod(name string, count int64, priority, node string) *corev1.Pod {
	pod := harness.WholePod.Pod(name)
	pod.Labels["of"] = name
	pod.Spec.PriorityClassName = priority
	pod.Spec.Containers[0].Resources.Limits["nvidia.com/gpu"] = *resource.NewQuantity(count, resource.DecimalSI)
	if node != "" {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	}
	return pod
}

// fillWithVictims fills both nodes with one pod of low priority each. Of two such nodes kube-scheduler itself would free
// the one whose pod started last, the large one; the extender the one on which nothing is left over, the small one.
func (c *cluster) fillWithVictims() {
	c.t.Helper()
	c.create(gpuPod(twoVictim, 2, "low", smallNode))
	c.create(gpuPod(fourVictim, 4, "low", fourNode))
	for name, started := range map[string]string{twoVictim: "2026-01-01T00:00:00Z", fourVictim: "2026-01-02T00:00:00Z"} {
		c.waitRunning(name, 10*time.Second)
		_, err := c.Admin.CoreV1().Pods(harness.Namespace).Patch(c.t.Context(), name, types.MergePatchType,
			[]byte(`{"status":{"startTime":"`+started+`"}}`), metav1.PatchOptions{}, "status")
		must(c.t, err)
	}
}

// preempts waits until the pod runs in the place of the victim, and of no other.
func (c *cluster) preempts(name, victim string) {
	c.t.Helper()
	c.waitRunning(name, 20*time.Second)
	for _, one := range []string{twoVictim, fourVictim} {
		pod, err := c.Admin.CoreV1().Pods(harness.Namespace).Get(c.t.Context(), one, metav1.GetOptions{})
		if one == victim && !apierrors.IsNotFound(err) {
			c.t.Errorf("%s is still there: %v", one, err)
		}
		if one != victim && (err != nil || pod.DeletionTimestamp != nil) {
			c.t.Errorf("%s was evicted too: %v", one, err)
		}
	}
}

// spared: kube-scheduler has given its verdict about the pod, and no pod was evicted for it.
func (c *cluster) spared(name string) string {
	c.t.Helper()
	message := c.waitUnschedulable(name, 10*time.Second)
	for _, victim := range []string{twoVictim, fourVictim} {
		if pod := c.pod(victim); pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
			c.t.Errorf("%s was evicted, by %s", victim, name)
		}
	}
	return message
}

// preemptCall is the last call for the pod, decoded.
func (c *cluster) preemptCall(name string) (args extenderv1.ExtenderPreemptionArgs, result extenderv1.ExtenderPreemptionResult) {
	c.t.Helper()
	calls := c.tap.Calls("preempt", name)
	if len(calls) == 0 {
		c.t.Fatal("the extender was not asked for victims")
	}
	last := calls[len(calls)-1]
	must(c.t, json.Unmarshal(last.Request, &args))
	must(c.t, json.Unmarshal(last.Response, &result))
	return args, result
}

func withoutPreemptVerb(c *cluster) {
	c.fillWithVictims()
	c.create(gpuPod("unasked", 2, "high", ""))
	c.preempts("unasked", fourVictim)
}

func engineChooses(c *cluster) {
	c.fillWithVictims()
	c.create(gpuPod("urgent", 2, "high", ""))
	c.preempts("urgent", twoVictim)
	args, result := c.preemptCall("urgent")
	if args.NodeNameToVictims != nil || len(args.NodeNameToMetaVictims) != 2 {
		c.t.Errorf("asked with %+v", args)
	}
	if len(result.NodeNameToMetaVictims) != 1 || result.NodeNameToMetaVictims[smallNode] == nil {
		c.t.Errorf("answered %+v", result.NodeNameToMetaVictims)
	}
	// The nominated node is tried alone first.
	if calls := c.tap.Calls("filter", "urgent"); !slices.Equal(c.askedNodes(calls[0]), []string{smallNode}) {
		c.t.Errorf("filter was asked for %v", c.askedNodes(calls[0]))
	}
}

// No controller counts for the budget: it allows no disruption.
func budgetsAreCarried(c *cluster) {
	budgets := c.Admin.PolicyV1().PodDisruptionBudgets(harness.Namespace)
	_, err := budgets.Create(c.t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "protected"},
		Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"of": twoVictim}}}}, metav1.CreateOptions{})
	must(c.t, err)
	defer func() { must(c.t, budgets.Delete(c.t.Context(), "protected", metav1.DeleteOptions{})) }()
	c.fillWithVictims()
	c.create(gpuPod("careful", 2, "high", ""))
	c.preempts("careful", fourVictim)
	if args, _ := c.preemptCall("careful"); args.NodeNameToMetaVictims[smallNode] == nil || args.NodeNameToMetaVictims[smallNode].NumPDBViolations != 1 {
		c.t.Errorf("asked with %+v", args.NodeNameToMetaVictims)
	}
}

// While a victim ends, its place is neither free nor anybody's but the preemptor's.
func victimsHold(c *cluster) {
	c.create(gpuPod(fourVictim, 4, "high", fourNode))
	slow, grace := gpuPod(twoVictim, 2, "low", smallNode), int64(5)
	slow.Spec.TerminationGracePeriodSeconds = &grace
	c.create(slow)
	c.waitRunning(fourVictim, 10*time.Second)
	c.waitRunning(twoVictim, 10*time.Second)
	c.create(gpuPod("patient", 2, "high", ""))
	c.waitFor(10*time.Second, func() (bool, string) {
		pod := c.pod(twoVictim)
		return pod.DeletionTimestamp != nil, podState(pod)
	})
	prober := gpuPod("prober", 1, "low", "")
	prober.Spec.SchedulerName = "nobody"
	if result := c.filter(c.create(prober), smallNode); result.Error != "" || len(*result.NodeNames) > 0 {
		c.t.Errorf("the place of a pod that is ending was given: %+v", result)
	}
	c.create(gpuPod("thief", 2, "middle", ""))
	c.preempts("patient", twoVictim)
	c.t.Log(c.waitUnschedulable("thief", 10*time.Second))
	if pod := c.pod("thief"); pod.Spec.NodeName != "" {
		c.t.Error(podState(pod))
	}
}

func refusedAnyway(c *cluster) {
	c.fillWithVictims()
	pod := gpuPod("typo", 2, "high", "")
	pod.Annotations["gpusched.io/modus"] = "mig"
	c.create(pod)
	c.t.Log(c.spared("typo"))
	if _, result := c.preemptCall("typo"); len(result.NodeNameToMetaVictims) > 0 {
		c.t.Errorf("answered %+v", result.NodeNameToMetaVictims)
	}
}

// There is room, but no eviction makes the pod fit: kube-scheduler does not even ask.
func finalReasons(c *cluster) {
	pod := gpuPod("typo-and-room", 2, "high", "")
	pod.Annotations["gpusched.io/modus"] = "mig"
	c.create(pod)
	if message := c.waitUnschedulable("typo-and-room", 10*time.Second); !strings.Contains(message, "2 Preemption is not helpful for scheduling") {
		c.t.Error(message)
	}
	if calls := c.tap.Calls("preempt", "typo-and-room"); len(calls) > 0 {
		c.t.Errorf("asked for victims: %s", calls[0].Request)
	}
}

func preemptWhileDown(c *cluster) {
	c.fillWithVictims()
	c.create(harness.CPUPod.Pod("passer-by"))
	c.waitRunning("passer-by", 10*time.Second)
	c.extender.Kill()
	c.create(gpuPod("unheard", 2, "high", ""))
	c.t.Log(c.spared("unheard"))
	must(c.t, c.extender.Start())
	must(c.t, c.extender.WaitReady(c.t.Context()))
	c.delete("passer-by") // kube-scheduler took the failure for a verdict: it tries again when a pod goes
	c.preempts("unheard", twoVictim)
}

func wholeVictims(c *cluster) {
	c.fillWithVictims()
	c.create(gpuPod("whole-urgent", 2, "high", ""))
	c.preempts("whole-urgent", twoVictim)
	if args, _ := c.preemptCall("whole-urgent"); args.NodeNameToMetaVictims != nil || len(args.NodeNameToVictims) != 2 {
		c.t.Errorf("asked with %+v", args)
	}
}

// without answers preempt with all candidates but these nodes.
func without(nodes ...string) harness.Answer {
	return func(request []byte) (int, any) {
		var args extenderv1.ExtenderPreemptionArgs
		if err := json.Unmarshal(request, &args); err != nil {
			return http.StatusBadRequest, nil
		}
		maps.DeleteFunc(args.NodeNameToMetaVictims, func(node string, _ *extenderv1.MetaVictims) bool { return slices.Contains(nodes, node) })
		return http.StatusOK, extenderv1.ExtenderPreemptionResult{NodeNameToMetaVictims: args.NodeNameToMetaVictims}
	}
}

func anotherTakesAway(c *cluster) {
	c.stub.Answer("filter", passes(fourNode, smallNode))
	c.stub.Answer("preempt", without(smallNode))
	c.fillWithVictims()
	c.create(gpuPod("chained", 2, "high", ""))
	c.preempts("chained", fourVictim)
	if args, _ := c.preemptCall("chained"); len(args.NodeNameToMetaVictims) != 1 || args.NodeNameToMetaVictims[fourNode] == nil {
		c.t.Errorf("asked with %+v", args.NodeNameToMetaVictims)
	}
}

func anotherLeavesNone(c *cluster) {
	c.stub.Answer("filter", passes(fourNode, smallNode))
	c.stub.Answer("preempt", without(smallNode, fourNode))
	c.fillWithVictims()
	c.create(gpuPod("unhelped", 2, "high", ""))
	c.t.Log(c.spared("unhelped"))
	if calls := c.tap.Calls("preempt", "unhelped"); len(calls) > 0 {
		c.t.Errorf("asked with no node left: %s", calls[0].Request)
	}
}
