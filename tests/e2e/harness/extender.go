package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	extenderNamespace = "kube-system"
	extenderAccount   = "gpusched-extender"
)

// ExtenderProgram says which extender is under test: a path, and whether it is the project's own. The echo extender
// makes no decision: what only a decision can show is not asked of it.
type ExtenderProgram struct {
	Path   string
	IsReal bool
}

// FindExtender is GPUSCHED_EXTENDER, else the release build of gpusched-extender, else the echo extender.
func FindExtender(binDir string) (ExtenderProgram, error) {
	echo := ExtenderProgram{Path: filepath.Join(binDir, "echo-extender")}
	if path := os.Getenv("GPUSCHED_EXTENDER"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return ExtenderProgram{}, fmt.Errorf("GPUSCHED_EXTENDER: %w", err)
		}
		return ExtenderProgram{Path: path, IsReal: filepath.Base(path) != "echo-extender"}, nil
	}
	release := filepath.Join(binDir, "..", "..", "release", "bin", "gpusched-extender")
	if _, err := os.Stat(release); err == nil {
		return ExtenderProgram{Path: release, IsReal: true}, nil
	}
	return echo, nil
}

// Extender is an extender process under its own ServiceAccount.
type Extender struct {
	*Process
	Program ExtenderProgram
	URL     string // urlPrefix
	Client  *http.Client

	restarts sync.WaitGroup
	stop     chan struct{}
	mu       sync.Mutex
	ends     int
	next     restart
}

// restart is how the supervisor starts the next run.
type restart struct {
	after time.Duration
	env   []string
}

const restartAfter = 200 * time.Millisecond

// ExtenderOptions are what differs between extenders under test.
type ExtenderOptions struct {
	Candidates   string        // 1, N or all
	HoldSeconds  int           // 0: the default
	Certificates *Certificates // to serve HTTPS with; nil: HTTP
}

// flags writes a configuration file if one is needed: the echo extender reads none.
func (o ExtenderOptions) flags(dir string) ([]string, error) {
	flags := []string{"--candidates", o.Candidates}
	config := map[string]any{}
	if o.HoldSeconds > 0 {
		config["holdSeconds"] = o.HoldSeconds
	}
	if o.Certificates != nil {
		if err := o.Certificates.Write(dir); err != nil {
			return nil, err
		}
		config["tls"] = map[string]string{"certFile": filepath.Join(dir, "tls.crt"), "keyFile": filepath.Join(dir, "tls.key")}
	}
	if len(config) == 0 {
		return flags, nil
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "extender.json")
	return append(flags, "--config", path), os.WriteFile(path, text, 0o600)
}

// StartExtender starts the program and waits for /readyz.
func (c *ControlPlane) StartExtender(ctx context.Context, program ExtenderProgram, options ExtenderOptions) (*Extender, error) {
	flags, err := options.flags(c.Dir)
	if err != nil {
		return nil, err
	}
	e, err := c.LaunchExtender(ctx, program, "extender", extenderAccount, flags)
	if err != nil {
		return nil, err
	}
	if options.Certificates != nil {
		e.URL, e.Client = "https"+strings.TrimPrefix(e.URL, "http"), options.Certificates.client()
	}
	if err := e.WaitReady(ctx); err != nil {
		e.Kill()
		return nil, err
	}
	return e, nil
}

// LaunchExtender starts the program with these flags, as a ServiceAccount of kube-system, and waits for nothing: a
// follower never becomes ready. The log is NAME.log.
func (c *ControlPlane) LaunchExtender(ctx context.Context, program ExtenderProgram, name, account string, flags []string, env ...string) (*Extender, error) {
	if err := c.grantExtender(ctx); err != nil {
		return nil, err
	}
	kubeconfig, err := c.ServiceAccountKubeconfig(ctx, extenderNamespace, account)
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	e := &Extender{Program: program, URL: "http://" + address, Client: http.DefaultClient, stop: make(chan struct{}), next: restart{after: restartAfter}}
	args := append([]string{"--kubeconfig", kubeconfig, "--listen", address, "--log-level", "info"}, flags...)
	if program.IsReal {
		if err := os.MkdirAll(c.EventLogs(), 0o755); err != nil {
			return nil, err
		}
		args = append(args, "--event-log", c.EventLogs())
	}
	e.Process = NewProcess(c.Dir, name, program.Path, args)
	return e, e.Start(env...)
}

// EventLogs is the folder in which the extender leaves one event log per run.
func (c *ControlPlane) EventLogs() string { return filepath.Join(c.Dir, "event-logs") }

// WaitReady waits until /readyz answers 200.
func (e *Extender) WaitReady(ctx context.Context) error {
	err := WaitFor(ctx, readyTimeout, 20*time.Millisecond, func() (bool, string) {
		response, err := e.Client.Get(e.URL + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, response.Status
	})
	if err != nil {
		return fmt.Errorf("the extender is not ready: %w\n%s", err, e.LogTail(30))
	}
	return nil
}

// Supervise starts the extender again whenever it ends, as a kubelet would, until Close.
func (e *Extender) Supervise() {
	e.restarts.Add(1)
	go func() {
		defer e.restarts.Done()
		for {
			select {
			case <-e.stop:
				return
			case <-e.Exited():
			}
			e.mu.Lock()
			e.ends++
			next := e.next
			e.next = restart{after: restartAfter}
			e.mu.Unlock()
			select {
			case <-e.stop:
				return
			case <-time.After(next.after):
			}
			if err := e.Start(next.env...); err != nil {
				return
			}
		}
	}()
}

// KillFor kills the extender; its supervisor starts it again after that time with that environment, for one run.
func (e *Extender) KillFor(down time.Duration, env ...string) {
	e.mu.Lock()
	e.next = restart{after: down, env: env}
	e.mu.Unlock()
	e.Kill()
}

// ArmFailpoint restarts the extender so that it kills itself at the nth passage of that place, and waits until it is
// ready.
func (e *Extender) ArmFailpoint(ctx context.Context, name string, nth int) error {
	ends := e.Ends()
	e.KillFor(restartAfter, fmt.Sprintf("GPUSCHED_FAILPOINT=%s:%d", name, nth))
	err := WaitFor(ctx, readyTimeout, 10*time.Millisecond, func() (bool, string) {
		return e.Ends() > ends && e.Running(), "the extender was not started again"
	})
	if err != nil {
		return err
	}
	return e.WaitReady(ctx)
}

// Ends is how often the supervisor has seen the process end.
func (e *Extender) Ends() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ends
}

// Close ends supervisor and process.
func (e *Extender) Close() {
	close(e.stop)
	e.restarts.Wait()
	e.Kill()
}

// Metric is the sum of all samples of a metric from /metrics; found is false if there is none.
func (e *Extender) Metric(name string) (sum float64, found bool, err error) {
	body, err := get(e.URL + "/metrics")
	if err != nil {
		return 0, false, err
	}
	for _, line := range strings.Split(string(body), "\n") {
		rest, isMetric := strings.CutPrefix(line, name)
		if !isMetric || rest == "" || (rest[0] != ' ' && rest[0] != '{') {
			continue
		}
		fields := strings.Fields(rest)
		var value float64
		if _, err := fmt.Sscan(fields[len(fields)-1], &value); err != nil {
			return 0, false, fmt.Errorf("%s: %w", line, err)
		}
		sum, found = sum+value, true
	}
	return sum, found, nil
}

// grantExtender gives the extender's ServiceAccount the rights that the project ships. Safe to repeat.
func (c *ControlPlane) grantExtender(ctx context.Context) error {
	dir := ManifestsDir()
	return c.ApplyManifests(ctx, filepath.Join(dir, "rbac.yaml"), filepath.Join(dir, "node-patch-policy.yaml"))
}
