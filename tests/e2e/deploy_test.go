package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gpusched.io/tests/e2e/harness"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// What deploy/ ships is accepted by the API server field by field, gives the rights that it says and no others, and runs:
// its configurations of kube-scheduler and extender place pods, over TLS with client certificates and beside each other.
func TestDeploy(t *testing.T) {
	c := startCluster(t, clusterOptions{nodes: 2, kinds: []harness.NodeKind{harness.WholeNode, harness.CPUNode}, noTap: true})
	c.StopScheduler()
	if !c.extender.Program.IsReal {
		t.Skip("needs gpusched-extender: it reads the configuration that is shipped")
	}
	c.extender.Kill()
	for _, row := range []struct {
		name string
		run  func(c *cluster)
	}{{"ManifestsAreValid", manifestsAreValid}, {"RightsAreLeast", rightsAreLeast},
		{"ClusterScheduler", shippedScheduler}, {"SecondScheduler", secondScheduler}} {
		t.Run(row.name, func(t *testing.T) {
			sub := *c
			sub.t = t
			row.run(&sub)
		})
	}
	c.checkHistory()
}

func manifestsAreValid(c *cluster) {
	for _, name := range []string{"service.yaml", "deployment.yaml", "second-scheduler.yaml"} {
		must(c.t, c.ApplyManifests(c.t.Context(), manifest(name)))
	}
}

func rightsAreLeast(c *cluster) {
	kubeconfig, err := c.ServiceAccountKubeconfig(c.t.Context(), "kube-system", "gpusched-extender")
	must(c.t, err)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(c.t, err)
	client, err := kubernetes.NewForConfig(config)
	must(c.t, err)
	patchNode := func(text string) error {
		_, err := client.CoreV1().Nodes().Patch(c.t.Context(), gpuNode, types.MergePatchType, []byte(text), metav1.PatchOptions{})
		return err
	}
	must(c.t, patchNode(`{"metadata":{"annotations":{"gpusched.io/released":"1"}}}`))
	must(c.t, patchNode(`{"metadata":{"annotations":{"gpusched.io/released":null}}}`))
	// A new policy takes effect within a second or so.
	c.waitFor(20*time.Second, func() (bool, string) {
		err := patchNode(fmt.Sprintf(`{"metadata":{"annotations":{"other":"%d"}}}`, time.Now().UnixNano()))
		return isRefused(err), fmt.Sprintf("another annotation was written: %v", err)
	})
	for _, text := range []string{
		`{"metadata":{"annotations":{"gpusched.io/released":"2","other":"2"}}}`,
		`{"metadata":{"labels":{"nvidia.com/mig.config":"all-1g.10gb"}}}`,
		`{"metadata":{"labels":{"kubernetes.io/hostname":null}}}`,
		`{"metadata":{"finalizers":["gpusched.io/x"]}}`,
		`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"x","uid":"y"}]}}`,
		`{"spec":{"unschedulable":true}}`,
		`{"spec":{"taints":[{"key":"x","effect":"NoSchedule"}]}}`,
	} {
		if err := patchNode(text); !isRefused(err) {
			c.t.Errorf("patch of a node with %s: %v", text, err)
		}
	}
	must(c.t, patchNode(`{"metadata":{"annotations":{"gpusched.io/released":"3"}}}`))
	pods := client.CoreV1().Pods(harness.Namespace)
	for what, err := range map[string]error{
		"delete a pod":    pods.Delete(c.t.Context(), "x", metav1.DeleteOptions{}),
		"create a pod":    errorOf(pods.Create(c.t.Context(), harness.CPUPod.Pod("x"), metav1.CreateOptions{})),
		"read a secret":   errorOf(client.CoreV1().Secrets("kube-system").Get(c.t.Context(), "x", metav1.GetOptions{})),
		"delete a node":   client.CoreV1().Nodes().Delete(c.t.Context(), gpuNode, metav1.DeleteOptions{}),
		"another lease":   errorOf(client.CoordinationV1().Leases("kube-system").Get(c.t.Context(), "kube-scheduler", metav1.GetOptions{})),
		"lease elsewhere": errorOf(client.CoordinationV1().Leases("default").Get(c.t.Context(), "gpusched-extender", metav1.GetOptions{})),
	} {
		if !apierrors.IsForbidden(err) {
			c.t.Errorf("%s: %v", what, err)
		}
	}
}

func errorOf(_ any, err error) error { return err }

// isRefused: by the policy (422 or 403).
func isRefused(err error) bool {
	return err != nil && (apierrors.IsInvalid(err) || apierrors.IsForbidden(err)) &&
		strings.Contains(err.Error(), "the extender may")
}

// shippedScheduler runs kube-scheduler.yaml and the configuration of deployment.yaml against each other.
func shippedScheduler(c *cluster) {
	const serverName = "gpusched-extender.kube-system.svc"
	certificates := filepath.Join(c.Dir, "tls")
	made, err := harness.NewCertificates(serverName)
	must(c.t, err)
	must(c.t, made.Write(certificates))
	config := filepath.Join(c.Dir, "extender.yaml")
	text := c.rewrite(c.configMap("deployment.yaml", "extender.yaml"), "/etc/gpusched/tls", certificates)
	must(c.t, os.WriteFile(config, []byte(text), 0o644))
	extender, err := c.LaunchExtender(c.t.Context(), c.extender.Program, "extender-tls", "gpusched-extender", []string{"--config", config})
	must(c.t, err)
	defer extender.Close()
	address := strings.TrimPrefix(extender.URL, "http://")
	c.waitFor(10*time.Second, func() (bool, string) {
		return strings.Contains(extender.LogTail(20), "listening"), extender.LogTail(5)
	})
	if _, err := http.Get(extender.URL + "/readyz"); err == nil {
		c.t.Error("it answers without TLS")
	}
	anonymous := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if _, err := anonymous.Get("https://" + address + "/readyz"); err == nil {
		c.t.Error("it answers a caller without a certificate")
	}
	scheduler, err := os.ReadFile(manifest("kube-scheduler.yaml"))
	must(c.t, err)
	kubeconfig, err := c.SchedulerKubeconfig()
	must(c.t, err)
	must(c.t, c.StartSchedulerWith(c.t.Context(), c.rewrite(string(scheduler), "/etc/kubernetes/scheduler.conf", kubeconfig,
		"https://"+serverName+":8888", "https://"+address, "/etc/kubernetes/gpusched", certificates), kubeconfig))
	c.create(harness.WholePod.Pod("over-tls"))
	pod := c.waitRunning("over-tls", 30*time.Second)
	if pod.Annotations[harness.AllocationAnnotation] == "" {
		c.t.Error("not bound by the extender")
	}
	c.StopScheduler()
}

// secondScheduler runs both programs of second-scheduler.yaml under its ServiceAccount.
func secondScheduler(c *cluster) {
	const account = "gpusched-scheduler"
	kubeconfig, err := c.ServiceAccountKubeconfig(c.t.Context(), "kube-system", account)
	must(c.t, err)
	extender, err := c.LaunchExtender(c.t.Context(), c.extender.Program, "extender-second", account, nil)
	must(c.t, err)
	defer extender.Close()
	must(c.t, extender.WaitReady(c.t.Context()))
	text := c.rewrite(c.configMap("second-scheduler.yaml", "kube-scheduler.yaml"), "http://127.0.0.1:8888", extender.URL)
	must(c.t, c.StartSchedulerWith(c.t.Context(), text+"clientConnection: {kubeconfig: "+kubeconfig+"}\n", kubeconfig))
	other := harness.WholePod.Pod("of-the-other-scheduler")
	c.create(other)
	chosen := harness.WholePod.Pod("opted-in")
	chosen.Spec.SchedulerName = "gpusched"
	c.create(chosen)
	pod := c.waitRunning("opted-in", 60*time.Second)
	if pod.Annotations[harness.AllocationAnnotation] == "" {
		c.t.Error("not bound by the extender")
	}
	if pod := c.pod(other.Name); pod.Spec.NodeName != "" || len(pod.Status.Conditions) > 0 {
		c.t.Errorf("the second scheduler took a pod that is not its own: %s", podState(pod))
	}
	c.StopScheduler()
}

func manifest(name string) string { return filepath.Join(harness.ManifestsDir(), name) }

// configMap is the value of a key of the ConfigMap in a file.
func (c *cluster) configMap(file, key string) string {
	c.t.Helper()
	in, err := os.Open(manifest(file))
	must(c.t, err)
	defer in.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			c.t.Fatalf("%s has no ConfigMap with %s", file, key)
		} else {
			must(c.t, err)
		}
		if text, found, _ := unstructured.NestedString(object.Object, "data", key); found && object.GetKind() == "ConfigMap" {
			return text
		}
	}
}

// rewrite replaces old by new, pair by pair; each old must be there.
func (c *cluster) rewrite(text string, pairs ...string) string {
	c.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			c.t.Fatalf("no %s in:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}
