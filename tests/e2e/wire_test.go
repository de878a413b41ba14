package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

// The contract by plain HTTP, with kube-scheduler's own types: what kube-scheduler does not show by itself. No
// scheduler runs, so that nobody else binds.
func TestWire(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 4, kinds: []harness.NodeKind{harness.WholeNode, harness.CPUNode}, noTap: true})
	c.StopScheduler()
	cases := []struct {
		name     string
		realOnly bool // needs an extender that decides
		run      func(c *cluster)
	}{
		// These two first, on empty nodes: what the pods of the others hold, they hold on to for half a minute.
		{"ManyCallersShareNothing", true, manyCallers},
		{"PreemptAnswersWithUIDs", true, preemptForms},
		{"BindIsIdempotent", false, bindTwice},
		{"BindElsewhereIsAnError", false, bindElsewhere},
		{"BindOfRecreatedPodIsRefused", false, bindRecreated},
		{"ConnectionsAreKept", false, connectionsKept},
		{"SameQuestionIsCheap", false, sameQuestion},
		{"AnswerHasNoUnknownName", false, answerWithinQuestion},
		{"ScoresAreWholeNumbersFrom0To10", false, scoresInRange},
		{"RejectedNodesHaveReasons", true, rejectedHaveReasons},
		{"UnknownNodeIsRejectedNotAnError", true, unknownNode},
		{"FullNodesAreAnsweredWithNodes", true, fullNodes},
		{"LowerCaseKeys", true, lowerCaseKeys},
		{"NullsAreZeroValues", true, nulls},
		{"DuplicateNamesAreAnsweredOnce", true, duplicateNames},
		{"GangMembersAreRefusedWithTheReason", true, gangMember},
		{"BrokenBodyLeavesServerAlive", false, brokenBody},
	}
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) {
			if row.realOnly && !c.extender.Program.IsReal {
				t.Skip("needs gpusched-extender: the echo extender decides nothing")
			}
			sub := *c
			sub.t = t
			row.run(&sub)
			sub.clear()
		})
	}
	c.checkHistory()
}

const (
	gpuNode      = "node-whole-00000"
	otherGPUNode = "node-whole-00002"
	cpuNode      = "node-cpu-00001"
)

// ask sends what kube-scheduler would and decodes like it. Anything but 200 with a Content-Length is an error.
func (c *cluster) ask(verb string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	response, err := http.Post(c.extender.URL+"/"+verb, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || response.ContentLength != int64(len(text)) {
		return fmt.Errorf("%s: %s, Content-Length %d for %d bytes: %s", verb, response.Status, response.ContentLength, len(text), text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s: %w in %s", verb, err, text)
	}
	return nil
}

func (c *cluster) post(verb string, question, answer any) {
	c.t.Helper()
	must(c.t, c.ask(verb, question, answer))
}

func (c *cluster) filter(pod *corev1.Pod, names ...string) extenderv1.ExtenderFilterResult {
	c.t.Helper()
	var result extenderv1.ExtenderFilterResult
	c.post("filter", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &names}, &result)
	return result
}

func (c *cluster) bind(pod *corev1.Pod, node string) string {
	c.t.Helper()
	var result extenderv1.ExtenderBindingResult
	c.post("bind", extenderv1.ExtenderBindingArgs{PodName: pod.Name, PodNamespace: pod.Namespace, PodUID: pod.UID, Node: node}, &result)
	return result.Error
}

func bindTwice(c *cluster) {
	pod := c.create(harness.WholePod.Pod("twice"))
	c.filter(pod, gpuNode, otherGPUNode)
	for range 3 {
		if message := c.bind(pod, gpuNode); message != "" {
			c.t.Error(message)
		}
	}
	if bound := c.pod("twice"); bound.Spec.NodeName != gpuNode {
		c.t.Error(podState(bound))
	}
}

func bindElsewhere(c *cluster) {
	pod := c.create(harness.WholePod.Pod("elsewhere"))
	c.filter(pod, gpuNode, otherGPUNode)
	if message := c.bind(pod, gpuNode); message != "" {
		c.t.Fatal(message)
	}
	message := c.bind(pod, otherGPUNode)
	if message == "" {
		c.t.Error("a second node was accepted")
	}
	c.t.Log(message)
	if bound := c.pod("elsewhere"); bound.Spec.NodeName != gpuNode {
		c.t.Error(podState(bound))
	}
}

func bindRecreated(c *cluster) {
	old := c.create(harness.WholePod.Pod("again"))
	c.filter(old, gpuNode)
	c.delete("again")
	c.waitFor(5*time.Second, func() (bool, string) {
		_, err := c.Admin.CoreV1().Pods(harness.Namespace).Get(c.t.Context(), "again", metav1.GetOptions{})
		return err != nil, "still there"
	})
	c.create(harness.WholePod.Pod("again"))
	message := c.bind(old, gpuNode)
	if message == "" {
		c.t.Error("the binding of the deleted pod was accepted")
	}
	c.t.Log(message)
	if pod := c.pod("again"); pod.Spec.NodeName != "" {
		c.t.Error(podState(pod))
	}
}

func connectionsKept(c *cluster) {
	pod := harness.WholePod.Pod("asked")
	body, err := json.Marshal(extenderv1.ExtenderArgs{Pod: pod, NodeNames: &[]string{gpuNode, otherGPUNode}})
	must(c.t, err)
	client := &http.Client{Transport: &http.Transport{}}
	opened := 0
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			opened++
		}
	}}
	for range 1000 {
		request, err := http.NewRequestWithContext(httptrace.WithClientTrace(c.t.Context(), trace), http.MethodPost, c.extender.URL+"/filter", bytes.NewReader(body))
		must(c.t, err)
		response, err := client.Do(request)
		must(c.t, err)
		var result extenderv1.ExtenderFilterResult
		must(c.t, json.NewDecoder(response.Body).Decode(&result)) // and no draining, like kube-scheduler
		response.Body.Close()
	}
	if opened > 2 {
		c.t.Errorf("1,000 calls opened %d connections", opened)
	}
}

// A pod that has just failed can be asked for 23 times within 1.2 s.
func sameQuestion(c *cluster) {
	names := make([]string, 500)
	for i := range names {
		names[i] = fmt.Sprintf("node-%05d", i)
	}
	names[499] = gpuNode
	pod := c.create(harness.WholePod.Pod("asked-often"))
	var took []time.Duration
	var first string
	for range 50 {
		var result extenderv1.ExtenderFilterResult
		start := time.Now()
		c.post("filter", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &names}, &result)
		took = append(took, time.Since(start))
		text, _ := json.Marshal(result)
		if first == "" {
			first = string(text)
		}
		if string(text) != first {
			c.t.Fatalf("another answer to the same question: %s, then %s", first, text)
		}
	}
	slices.Sort(took)
	c.t.Logf("filter with 500 names, 50 times: median %s, largest %s (client's clock)", took[25], took[49])
	if took[25] > 5*time.Millisecond {
		c.t.Errorf("median %s", took[25])
	}
}

func answerWithinQuestion(c *cluster) {
	pod := c.create(harness.WholePod.Pod("within"))
	result := c.filter(pod, gpuNode, otherGPUNode)
	if result.Error != "" || result.NodeNames == nil || len(*result.NodeNames) == 0 {
		c.t.Fatalf("%+v", result)
	}
	for _, name := range *result.NodeNames {
		if name != gpuNode && name != otherGPUNode {
			c.t.Errorf("%s was not asked for", name)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(*result.NodeNames)))) != len(*result.NodeNames) {
		c.t.Errorf("a name twice: %v", *result.NodeNames)
	}
}

func scoresInRange(c *cluster) {
	pod := c.create(harness.WholePod.Pod("scored"))
	var scores extenderv1.HostPriorityList
	c.post("prioritize", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &[]string{gpuNode, otherGPUNode}}, &scores)
	for _, score := range scores {
		if score.Score < extenderv1.MinExtenderPriority || score.Score > extenderv1.MaxExtenderPriority {
			c.t.Errorf("%+v", score)
		}
		if score.Host != gpuNode && score.Host != otherGPUNode {
			c.t.Errorf("%s was not asked for", score.Host)
		}
	}
	if len(scores) == 0 {
		c.t.Error("no score")
	}
}

// rejected is the reason a node was left out, by either map.
func rejected(result extenderv1.ExtenderFilterResult, node string) string {
	return result.FailedNodes[node] + result.FailedAndUnresolvableNodes[node]
}

// kube-scheduler shows reasons only if no node is left: they may be missing otherwise.
func rejectedHaveReasons(c *cluster) {
	pod := c.create(harness.WholePod.Pod("reasons"))
	result := c.filter(pod, gpuNode, cpuNode)
	if result.NodeNames == nil || !slices.Equal(*result.NodeNames, []string{gpuNode}) {
		c.t.Errorf("%+v", result)
	}
	result = c.filter(pod, cpuNode)
	if result.FailedAndUnresolvableNodes[cpuNode] == "" {
		c.t.Errorf("a node without GPUs can never fit: %+v", result)
	}
	huge := harness.WholePod.Pod("huge")
	huge.Spec.Containers[0].Resources.Limits["nvidia.com/gpu"] = *resource.NewQuantity(9, resource.DecimalSI)
	result = c.filter(c.create(huge), gpuNode, otherGPUNode)
	if result.NodeNames != nil && len(*result.NodeNames) > 0 {
		c.t.Errorf("9 GPUs on a node of 8: %+v", result)
	}
	one, two := rejected(result, gpuNode), rejected(result, otherGPUNode)
	if one == "" || one != two || strings.Contains(one, gpuNode) {
		c.t.Errorf("a reason must be there and be the same for both nodes: %q, %q", one, two)
	}
}

func unknownNode(c *cluster) {
	pod := c.create(harness.WholePod.Pod("unknown"))
	result := c.filter(pod, "never-seen", gpuNode)
	if result.Error != "" || result.NodeNames == nil || !slices.Equal(*result.NodeNames, []string{gpuNode}) {
		c.t.Errorf("%+v", result)
	}
	if result = c.filter(pod, "never-seen"); result.Error != "" || rejected(result, "never-seen") == "" {
		c.t.Errorf("%+v", result)
	}
}

func fullNodes(c *cluster) {
	pod := c.create(harness.WholePod.Pod("full"))
	nodes := &corev1.NodeList{Items: []corev1.Node{*harness.WholeNode.Node(gpuNode), *harness.CPUNode.Node(cpuNode)}}
	var result extenderv1.ExtenderFilterResult
	c.post("filter", extenderv1.ExtenderArgs{Pod: pod, Nodes: nodes}, &result)
	if result.Error != "" || result.Nodes == nil || len(result.Nodes.Items) != 1 || result.Nodes.Items[0].Name != gpuNode {
		c.t.Errorf("%+v", result)
	}
}

func lowerCaseKeys(c *cluster) {
	pod := c.create(harness.WholePod.Pod("lower"))
	var result extenderv1.ExtenderFilterResult
	c.post("filter", map[string]any{"pod": pod, "nodes": nil, "nodenames": []string{gpuNode}}, &result)
	if result.NodeNames == nil || !slices.Equal(*result.NodeNames, []string{gpuNode}) {
		c.t.Errorf("%+v", result)
	}
}

// as sends the pod with these members of its JSON changed.
func (c *cluster) as(pod *corev1.Pod, changes map[string]map[string]any, names ...string) extenderv1.ExtenderFilterResult {
	c.t.Helper()
	text, err := json.Marshal(pod)
	must(c.t, err)
	members := map[string]map[string]any{}
	must(c.t, json.Unmarshal(text, &members))
	for part, values := range changes {
		for key, value := range values {
			members[part][key] = value
		}
	}
	var result extenderv1.ExtenderFilterResult
	c.post("filter", map[string]any{"Pod": members, "Nodes": nil, "NodeNames": names}, &result)
	return result
}

// As Go writes what is not set, and wrote a time of zero before Kubernetes 1.34. kube-scheduler sends neither kind nor
// apiVersion.
func nulls(c *cluster) {
	pod := c.create(harness.WholePod.Pod("nulls"))
	pod.TypeMeta = metav1.TypeMeta{}
	result := c.as(pod, map[string]map[string]any{
		"metadata": {"creationTimestamp": nil, "labels": nil, "annotations": nil, "ownerReferences": nil},
		"spec":     {"initContainers": nil, "nodeSelector": nil, "tolerations": nil, "overhead": nil},
	}, otherGPUNode)
	if result.NodeNames == nil || !slices.Equal(*result.NodeNames, []string{otherGPUNode}) {
		c.t.Errorf("%+v", result)
	}
}

// kube-scheduler does not notice a name twice in an answer and scores the node twice.
func duplicateNames(c *cluster) {
	pod := c.create(harness.WholePod.Pod("doubled"))
	result := c.filter(pod, otherGPUNode, otherGPUNode, otherGPUNode)
	if result.NodeNames == nil || !slices.Equal(*result.NodeNames, []string{otherGPUNode}) {
		c.t.Errorf("%+v", result)
	}
}

// Two schedulers, and binds of one beside its own filter calls: more pods than places, all at once.
func manyCallers(c *cluster) {
	const pods, places = 24, 16
	var bound atomic.Int64
	must(c.t, harness.InParallel(c.t.Context(), pods, func(i int) error {
		pod, err := c.Admin.CoreV1().Pods(harness.Namespace).Create(c.t.Context(), harness.WholePod.Pod(fmt.Sprintf("rival-%d", i)), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		var found extenderv1.ExtenderFilterResult
		err = c.ask("filter", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &[]string{gpuNode, otherGPUNode}}, &found)
		if err != nil || len(*found.NodeNames) == 0 {
			return err
		}
		var result extenderv1.ExtenderBindingResult
		err = c.ask("bind", extenderv1.ExtenderBindingArgs{PodName: pod.Name, PodNamespace: pod.Namespace, PodUID: pod.UID, Node: (*found.NodeNames)[0]}, &result)
		if err == nil && result.Error == "" {
			bound.Add(1)
		}
		return err
	}))
	if bound.Load() != places {
		c.t.Errorf("%d of %d pods bound to %d places", bound.Load(), pods, places)
	}
}

// The API server drops the field while its feature is off.
func gangMember(c *cluster) {
	pod := c.create(harness.WholePod.Pod("member"))
	result := c.as(pod, map[string]map[string]any{"spec": {"schedulingGroup": map[string]string{"podGroupName": "ring"}}}, gpuNode)
	if !strings.Contains(result.FailedAndUnresolvableNodes[gpuNode], "scheduling group") {
		c.t.Errorf("%+v", result)
	}
}

// Whatever form the victims come in, the answer has their UIDs and the number of budgets broken. From Kubernetes 1.38 on
// a node may come without victims.
func preemptForms(c *cluster) {
	all := harness.WholeNode.Resources["nvidia.com/gpu"]
	victim, pod := c.create(gpuPod("victim", all, "", "")), c.create(gpuPod("preemptor", all, "", ""))
	c.waitFor(5*time.Second, func() (bool, string) { // the watch may still have to tell of pods that are gone
		result := c.filter(victim, gpuNode)
		return len(*result.NodeNames) == 1, fmt.Sprintf("%+v", result)
	})
	if message := c.bind(victim, gpuNode); message != "" {
		c.t.Fatal(message)
	}
	uid := string(victim.UID)
	forms := []struct {
		name    string
		args    extenderv1.ExtenderPreemptionArgs
		isFound bool
	}{
		{"pods", extenderv1.ExtenderPreemptionArgs{NodeNameToVictims: map[string]*extenderv1.Victims{gpuNode: {Pods: []*corev1.Pod{victim}, NumPDBViolations: 3}}}, true},
		{"uids", extenderv1.ExtenderPreemptionArgs{NodeNameToMetaVictims: map[string]*extenderv1.MetaVictims{gpuNode: {Pods: []*extenderv1.MetaPod{{UID: uid}}, NumPDBViolations: 3}}}, true},
		{"no victims", extenderv1.ExtenderPreemptionArgs{NodeNameToMetaVictims: map[string]*extenderv1.MetaVictims{gpuNode: {Pods: []*extenderv1.MetaPod{}}}}, false},
		{"null", extenderv1.ExtenderPreemptionArgs{NodeNameToMetaVictims: map[string]*extenderv1.MetaVictims{gpuNode: {}}}, false},
		{"unknown node", extenderv1.ExtenderPreemptionArgs{NodeNameToMetaVictims: map[string]*extenderv1.MetaVictims{"never-seen": {Pods: []*extenderv1.MetaPod{{UID: uid}}}}}, false},
	}
	for _, form := range forms {
		form.args.Pod = pod
		var result extenderv1.ExtenderPreemptionResult
		c.post("preempt", form.args, &result)
		found := result.NodeNameToMetaVictims[gpuNode]
		if (found != nil) != form.isFound || len(result.NodeNameToMetaVictims) > 1 {
			c.t.Errorf("%s: %+v", form.name, result.NodeNameToMetaVictims)
		}
		if found != nil && (len(found.Pods) != 1 || found.Pods[0].UID != uid || found.NumPDBViolations != 3) {
			c.t.Errorf("%s: %+v", form.name, found)
		}
	}
}

func brokenBody(c *cluster) {
	for _, body := range []string{"", "{", "null", `{"Pod":7}`, strings.Repeat("[", 10000)} {
		response, err := http.Post(c.extender.URL+"/bind", "application/json", strings.NewReader(body))
		must(c.t, err)
		response.Body.Close()
	}
	must(c.t, c.extender.WaitReady(c.t.Context()))
}
