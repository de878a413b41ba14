package harness

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// SchedulerConfig is what differs between runs in the KubeSchedulerConfiguration.
type SchedulerConfig struct {
	PercentageOfNodesToScore int // 0: kube-scheduler's adaptive default
	Extenders                []schedulerv1.Extender
}

// GpuschedEntry is how the sample configuration names the extender under test: names mode, every verb but preempt.
func GpuschedEntry(url string) schedulerv1.Extender {
	entry := schedulerv1.Extender{URLPrefix: url, FilterVerb: "filter", PrioritizeVerb: "prioritize", BindVerb: "bind",
		Weight: 5, NodeCacheCapable: true}
	for _, resource := range ManagedResources {
		entry.ManagedResources = append(entry.ManagedResources, schedulerv1.ExtenderManagedResource{Name: resource})
	}
	return entry
}

// yaml is the configuration file. QPS is out of the way: the default of 50 would bound every rate measured.
func (s SchedulerConfig) yaml(kubeconfig string) (string, error) {
	extenders, err := json.Marshal(s.Extenders) // JSON is YAML
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %q, qps: 5000, burst: 5000}
percentageOfNodesToScore: %d
extenders: %s
`, kubeconfig, s.PercentageOfNodesToScore, extenders), nil
}

// StartScheduler starts kube-scheduler as user system:kube-scheduler and waits until it is healthy. A scheduler that
// runs is stopped first.
func (c *ControlPlane) StartScheduler(ctx context.Context, config SchedulerConfig) error {
	kubeconfig, err := c.SchedulerKubeconfig()
	if err != nil {
		return err
	}
	text, err := config.yaml(kubeconfig)
	if err != nil {
		return err
	}
	return c.StartSchedulerWith(ctx, text, kubeconfig)
}

// SchedulerKubeconfig is the file of user system:kube-scheduler.
func (c *ControlPlane) SchedulerKubeconfig() (string, error) {
	return c.writeKubeconfig("kube-scheduler", schedulerToken)
}

// StartSchedulerWith is StartScheduler with a KubeSchedulerConfiguration as text, which names the kubeconfig.
func (c *ControlPlane) StartSchedulerWith(ctx context.Context, config, kubeconfig string) error {
	c.StopScheduler()
	configFile := filepath.Join(c.Dir, "kube-scheduler.yaml")
	if err := os.WriteFile(configFile, []byte(config), 0o644); err != nil {
		return err
	}
	address, err := FreeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	c.Scheduler = NewProcess(c.Dir, "kube-scheduler", c.Binary, []string{"kube-scheduler", "--config", configFile,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig, "--authentication-skip-lookup=true"},
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	if err := c.Scheduler.Start(); err != nil {
		return err
	}
	return c.waitForScheduler(ctx, address)
}

func (c *ControlPlane) waitForScheduler(ctx context.Context, address string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its certificate is self-signed
	err := WaitFor(ctx, readyTimeout, 50*time.Millisecond, func() (bool, string) {
		if !c.Scheduler.Running() {
			return false, "it has exited"
		}
		response, err := client.Get("https://" + address + "/healthz")
		if err != nil {
			return false, err.Error()
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, response.Status
	})
	if err != nil {
		return fmt.Errorf("kube-scheduler is not healthy: %w\n%s", err, c.Scheduler.LogTail(30))
	}
	return nil
}

// StopScheduler ends kube-scheduler, if one runs.
func (c *ControlPlane) StopScheduler() {
	if c.Scheduler != nil {
		c.Scheduler.Kill()
	}
}
