package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// intentPod has nothing but annotations.
func intentPod(name string, annotations map[string]string) *corev1.Pod {
	pod := harness.CPUPod.Pod(name)
	pod.Annotations = annotations
	return pod
}

// installWebhook registers the extender as deploy/webhook.yaml does, by URL instead of by Service, and opts the tests'
// namespace in.
func (c *cluster) installWebhook(ca []byte) {
	c.t.Helper()
	ctx := c.t.Context()
	url, fail, none, equivalent := c.extender.URL+"/v1/admit", admissionv1.Fail, admissionv1.SideEffectClassNone, admissionv1.Equivalent
	never, timeout := admissionv1.NeverReinvocationPolicy, int32(5)
	webhooks := c.Admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	// GPUSCHED_MANIFESTS may have brought the one by Service, which leads nowhere here.
	if err := webhooks.Delete(ctx, "gpusched-extender", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		must(c.t, err)
	}
	_, err := webhooks.Create(ctx, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "gpusched-extender"},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name:         "admit.gpusched.io",
			ClientConfig: admissionv1.WebhookClientConfig{URL: &url, CABundle: ca},
			Rules: []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"gpusched.io/admit": "true"}},
			FailurePolicy:           &fail,
			MatchPolicy:             &equivalent,
			SideEffects:             &none,
			ReinvocationPolicy:      &never,
			TimeoutSeconds:          &timeout,
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	must(c.t, err)
	_, err = c.Admin.CoreV1().Namespaces().Patch(ctx, harness.Namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"gpusched.io/admit":"true"}}}`), metav1.PatchOptions{})
	must(c.t, err)
	// The API server takes a moment to see its own webhook.
	c.waitFor(20*time.Second, func() (bool, string) {
		probe := intentPod("probe", map[string]string{"gpusched.io/memory": "4Gi"})
		made, err := c.Admin.CoreV1().Pods(harness.Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return false, err.Error()
		}
		return made.Annotations["gpusched.io/decision"] != "", "the webhook is not called yet"
	})
}

func (c *cluster) explain(name string) map[string]any {
	c.t.Helper()
	response, err := c.extender.Client.Get(c.extender.URL + "/v1/explain?pod=" + harness.Namespace + "/" + name)
	must(c.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(c.t, err)
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("explain: %s %s", response.Status, body)
	}
	explanation := map[string]any{}
	must(c.t, json.Unmarshal(body, &explanation))
	return explanation
}

// Pods that only say what they need get a resource from the webhook, a node from the real kube-scheduler, and
// /v1/explain says why.
func TestIntent(t *testing.T) {
	certificates, err := harness.NewCertificates("gpusched-extender")
	must(t, err)
	c := startCluster(t, clusterOptions{nodes: 16, kinds: harness.MixedCluster, certificates: certificates})
	if !c.extender.Program.IsReal {
		t.Skip("the echo extender has no webhook")
	}
	c.installWebhook(certificates.CA)
	rows := []struct {
		name        string
		annotations map[string]string
		resource    string
		nodes       []string // kinds on which it may run
	}{
		{"isolated", map[string]string{"gpusched.io/isolation": "memory", "gpusched.io/memory": "15Gi", "gpusched.io/class": "dev"},
			"nvidia.com/mig-2g.20gb", []string{"mixed", "mixed-beside"}},
		{"whole", map[string]string{"gpusched.io/mode": "whole", "gpusched.io/class": "batch"}, "nvidia.com/gpu", []string{"whole", "mixed-beside"}},
		{"large", map[string]string{"gpusched.io/memory": "60Gi"}, "nvidia.com/gpu", []string{"whole", "mixed-beside"}},
		{"shared", map[string]string{"gpusched.io/mode": "time-slice", "gpusched.io/memory": "8Gi"}, "", []string{"shared", "not-renamed"}},
		{"fraction", map[string]string{"gpu-fraction": "0.4"}, "", []string{"mixed", "mixed-beside"}},
	}
	for _, row := range rows {
		c.create(intentPod(row.name, row.annotations))
	}
	for _, row := range rows {
		pod := c.waitRunning(row.name, 30*time.Second)
		decision, limits := pod.Annotations["gpusched.io/decision"], pod.Spec.Containers[0].Resources.Limits
		t.Logf("%-10s on %s: %s", pod.Name, pod.Spec.NodeName, decision)
		if count := limits[corev1.ResourceName(row.resource)]; row.resource != "" && count.Value() != 1 {
			t.Errorf("%s: limits are %v", row.name, limits)
		}
		kind := strings.TrimSuffix(strings.TrimPrefix(pod.Spec.NodeName, "node-"), pod.Spec.NodeName[strings.LastIndex(pod.Spec.NodeName, "-"):])
		if !strings.Contains(" "+strings.Join(row.nodes, " ")+" ", " "+kind+" ") {
			t.Errorf("%s runs on %s, a node of kind %s", row.name, pod.Spec.NodeName, kind)
		}
		note, _ := c.explain(row.name)["note"].(string)
		if note == "" || !strings.Contains(note, "predicted slowdown") {
			t.Errorf("%s: /v1/explain gives the reason '%s'", row.name, note)
		}
	}
	c.checkHistory()
}

// What cannot be, or contradicts itself, is refused with its key; what has no room now waits; a pod with a resource is
// left as it is.
func TestIntentRefused(t *testing.T) {
	certificates, err := harness.NewCertificates("gpusched-extender")
	must(t, err)
	c := startCluster(t, clusterOptions{nodes: 1, kinds: []harness.NodeKind{{Name: "small", Resources: map[string]int64{"nvidia.com/gpu": 1}, Labels: harness.WholeNode.Labels}}, certificates: certificates})
	if !c.extender.Program.IsReal {
		t.Skip("the echo extender has no webhook")
	}
	c.installWebhook(certificates.CA)
	contradicting := harness.WholePod.Pod("contradicting")
	contradicting.Annotations["gpusched.io/mode"] = "mig"
	misplaced := harness.CPUPod.Pod("misplaced")
	misplaced.Labels["gpusched.io/isolation"] = "memory"
	for _, row := range []struct {
		pod *corev1.Pod
		key string
	}{
		{intentPod("too-large", map[string]string{"gpusched.io/memory": "100Gi"}), "102400"},
		{intentPod("no-mig", map[string]string{"gpusched.io/mode": "mig", "gpusched.io/memory": "8Gi"}), "gpusched.io/mode"},
		{contradicting, "gpusched.io/mode"},
		{misplaced, "gpusched.io/isolation"},
	} {
		_, err := c.Admin.CoreV1().Pods(harness.Namespace).Create(t.Context(), row.pod, metav1.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), row.key) {
			t.Errorf("%s: expected a refusal that names %s, got %v", row.pod.Name, row.key, err)
			continue
		}
		t.Logf("%s: %v", row.pod.Name, err)
	}
	named := c.create(harness.WholePod.Pod("named"))
	if _, decided := named.Annotations["gpusched.io/decision"]; decided {
		t.Errorf("a pod with a resource was changed: %v", named.Annotations)
	}
	c.waitRunning("named", 20*time.Second)
	waiting := c.create(intentPod("waiting", map[string]string{"gpusched.io/isolation": "fault"}))
	if count := waiting.Spec.Containers[0].Resources.Limits["nvidia.com/gpu"]; count.Cmp(resource.MustParse("1")) != 0 {
		t.Errorf("limits of the pod that waits: %v", waiting.Spec.Containers[0].Resources.Limits)
	}
	t.Logf("waiting: %s", c.waitUnschedulable("waiting", 20*time.Second))
	c.delete("named")
	c.waitRunning("waiting", 30*time.Second)
	c.checkHistory()
}

// Where the extender refuses most of what kube-scheduler would take, kube-scheduler must be told to look at all nodes:
// by default it shows no more than the first hundred that it finds good.
func TestIntentBeyondTheSample(t *testing.T) {
	certificates, err := harness.NewCertificates("gpusched-extender")
	must(t, err)
	const nodes, sample = 122, 100
	kinds := append(slices.Repeat([]harness.NodeKind{harness.SingleNode}, nodes/2-1), harness.WholeNode)
	c := startCluster(t, clusterOptions{nodes: nodes, kinds: kinds, certificates: certificates})
	if !c.extender.Program.IsReal {
		t.Skip("the echo extender has no webhook")
	}
	c.installWebhook(certificates.CA)
	large := map[string]string{"gpusched.io/memory": "60Gi"} // more than an instance has
	c.create(intentPod("needle", large))
	pod := c.waitRunning("needle", 20*time.Second)
	calls := c.tap.Calls("filter", "needle")
	if asked := len(c.askedNodes(calls[0])); len(calls) != 1 || asked != nodes || !strings.HasPrefix(pod.Spec.NodeName, "node-whole-") {
		t.Errorf("%s after %d calls, the first of %d nodes", podState(pod), len(calls), asked)
	}
	must(t, c.StartScheduler(t.Context(), harness.SchedulerConfig{Extenders: []schedulerv1.Extender{c.entry()}}))
	c.create(intentPod("by-chance", large))
	c.waitFor(20*time.Second, func() (bool, string) {
		calls = c.tap.Calls("filter", "by-chance")
		return len(calls) > 0, "not asked yet"
	})
	if asked := len(c.askedNodes(calls[0])); asked != sample {
		t.Errorf("asked for %d nodes: mend what docs/extender.md says of percentageOfNodesToScore", asked)
	}
	c.checkHistory()
}
