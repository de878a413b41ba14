package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// checkParity replays what every run of the extender observed and decided: gpusched-sim computes each decision anew and
// must find the same bytes. A run that was killed may have left half a line.
func (c *cluster) checkParity() {
	c.t.Helper()
	if !c.extender.Program.IsReal {
		c.t.Log("parity: not asked of the echo extender, which decides nothing")
		return
	}
	simulator := os.Getenv("GPUSCHED_SIM")
	if simulator == "" {
		simulator = filepath.Join(filepath.Dir(c.extender.Program.Path), "gpusched-sim")
	}
	logs, err := filepath.Glob(filepath.Join(c.EventLogs(), "*.jsonl"))
	must(c.t, err)
	counted := regexp.MustCompile(`([0-9]+) decisions computed anew from ([0-9]+) events`)
	events, decisions := 0, 0
	for _, path := range logs {
		text, err := os.ReadFile(path)
		must(c.t, err)
		whole := text[:bytes.LastIndexByte(text, '\n')+1]
		if len(whole) == 0 {
			continue
		}
		must(c.t, os.WriteFile(path, whole, 0o644))
		output, err := exec.Command(simulator, "run", "--replay", path).CombinedOutput()
		if err != nil {
			c.t.Errorf("replay of %s: %v\n%s", path, err, output)
			continue
		}
		found := counted.FindSubmatch(output)
		if found == nil {
			c.t.Errorf("replay of %s prints no counts: %s", path, output)
			continue
		}
		decisions += atoi(found[1])
		events += atoi(found[2])
	}
	c.t.Logf("parity: %d event logs, %d events, %d decisions computed anew and equal", len(logs), events, decisions)
	if decisions == 0 {
		c.t.Error("parity: no decision was replayed")
	}
}

func atoi(digits []byte) int {
	number, _ := strconv.Atoi(string(digits))
	return number
}
