package harness

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SchedulerConfig is what differs between runs in the KubeSchedulerConfiguration.
type SchedulerConfig struct {
	PercentageOfNodesToScore int           // 0: kube-scheduler's adaptive default
	ExtenderURL              string        // urlPrefix; empty: no extender
	ExtenderTimeout          time.Duration // 0: kube-scheduler's default of 5 s
	FullNodes                bool          // nodeCacheCapable: false
	Preempt                  bool          // name the preempt verb
}

// yaml is the configuration file. QPS is out of the way: the default of 50 would bound every rate measured.
func (s SchedulerConfig) yaml(kubeconfig string) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %q, qps: 5000, burst: 5000}
percentageOfNodesToScore: %d
`, kubeconfig, s.PercentageOfNodesToScore)
	if s.ExtenderURL == "" {
		return text.String()
	}
	timeout := s.ExtenderTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	fmt.Fprintf(&text, `extenders:
- urlPrefix: %q
  filterVerb: filter
  prioritizeVerb: prioritize
  bindVerb: bind
  weight: 5
  httpTimeout: %s
  nodeCacheCapable: %t
  ignorable: false
`, s.ExtenderURL, timeout, !s.FullNodes)
	if s.Preempt {
		text.WriteString("  preemptVerb: preempt\n")
	}
	text.WriteString("  managedResources:\n")
	for _, resource := range ManagedResources {
		fmt.Fprintf(&text, "  - {name: %s, ignoredByScheduler: false}\n", resource)
	}
	return text.String()
}

// StartScheduler starts kube-scheduler as user system:kube-scheduler and waits until it is healthy. A scheduler that
// runs is stopped first.
func (c *ControlPlane) StartScheduler(ctx context.Context, config SchedulerConfig) error {
	kubeconfig, err := c.SchedulerKubeconfig()
	if err != nil {
		return err
	}
	return c.StartSchedulerWith(ctx, config.yaml(kubeconfig), kubeconfig)
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
