// Package harness runs a Kubernetes control plane, hollow kubelets and a scheduler extender on 127.0.0.1, each process
// on its own, to be killed and started again, and reads from etcd what happened at every revision.
package harness

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is one child with a log file; a restart appends to the same log.
type Process struct {
	Name    string
	LogPath string

	path string
	args []string
	env  []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// NewProcess describes a process and starts nothing. Its log is logDir/NAME.log.
func NewProcess(logDir, name, path string, args []string, env ...string) *Process {
	return &Process{Name: name, LogPath: filepath.Join(logDir, name+".log"), path: path, args: args, env: env}
}

// Start runs the process, with extraEnv for this one run. It dies with the test, however the test ends.
func (p *Process) Start(extraEnv ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "--- %s: %s %s\n", time.Now().Format(time.RFC3339Nano), p.path, strings.Join(p.args, " "))
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(append(os.Environ(), p.env...), extraEnv...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return nil
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() { p.end(syscall.SIGKILL, 0) }

// Stop sends SIGTERM, and SIGKILL to what is still there after the timeout.
func (p *Process) Stop(timeout time.Duration) { p.end(syscall.SIGTERM, timeout) }

func (p *Process) end(signal syscall.Signal, timeout time.Duration) {
	p.mu.Lock()
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(signal)
	if signal != syscall.SIGKILL {
		select {
		case <-exited:
			return
		case <-time.After(timeout):
			_ = cmd.Process.Kill()
		}
	}
	<-exited
}

// Exited is closed at the end of the current run; nil before the first.
func (p *Process) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exited
}

// Running says whether the process runs now.
func (p *Process) Running() bool {
	exited := p.Exited()
	if exited == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

// PeakRSSKiB is the high-water mark of resident memory of the current run; 0 if unknown.
func (p *Process) PeakRSSKiB() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var kib int64
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			fmt.Sscan(rest, &kib)
		}
	}
	return kib
}

// LogTail is the end of the log.
func (p *Process) LogTail(lines int) string {
	data, err := os.ReadFile(p.LogPath)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return string(bytes.Join(all, []byte("\n")))
}

var handedOut sync.Map

// FreeAddress is a 127.0.0.1:PORT that nobody listens at and that no earlier call gave out.
func FreeAddress() (string, error) {
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := listener.Addr().String()
		listener.Close()
		if _, used := handedOut.LoadOrStore(address, true); !used {
			return address, nil
		}
	}
}
