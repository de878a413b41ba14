// Command speed measures pods per second of kube-scheduler with an extender against without, in interleaved pairs on
// one control plane, and prints a table of medians.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gpusched.io/tests/e2e/harness"
)

type options struct {
	binDir     string
	nodes      []int
	pods       int
	pairs      int
	percentage int
	candidates []string
	programs   []harness.ExtenderProgram
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	chosen, err := parseOptions()
	if err == nil {
		err = measureAll(ctx, chosen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(1)
	}
}

func parseOptions() (options, error) {
	o := options{binDir: os.Getenv("GPUSCHED_E2E_BIN")}
	nodes := flag.String("nodes", "500,5000", "numbers of nodes, a cluster each")
	candidates := flag.String("candidates", "1,8,all", "values of --candidates")
	flag.IntVar(&o.pods, "pods", 2000, "pods per run; 8 per node fit")
	flag.IntVar(&o.pairs, "pairs", 5, "runs of every row; they take turns")
	flag.IntVar(&o.percentage, "percentage-of-nodes-to-score", 0, "of kube-scheduler, in all runs; 0: its default")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %s", flag.Arg(0))
	}
	if o.binDir == "" {
		o.binDir = filepath.Dir(os.Args[0])
	}
	for _, text := range strings.Split(*nodes, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count*8 < o.pods {
			return o, fmt.Errorf("--nodes %s: give numbers of nodes on which %d pods fit, 8 on each", text, o.pods)
		}
		o.nodes = append(o.nodes, count)
	}
	o.candidates = strings.Split(*candidates, ",")
	program, err := harness.FindExtender(o.binDir)
	if err != nil {
		return o, err
	}
	if program.IsReal {
		o.programs = append(o.programs, program)
	}
	o.programs = append(o.programs, harness.ExtenderProgram{Path: filepath.Join(o.binDir, "echo-extender")})
	return o, nil
}

func measureAll(ctx context.Context, o options) error {
	fmt.Printf("kube-scheduler, names mode, bind by the extender, %d pods of one GPU, percentageOfNodesToScore %d, client QPS 5000\n", o.pods, o.percentage)
	fmt.Printf("pods/s from 10 %% to 95 %% bound; medians of %d runs in turns; ratio: median of the ratios to the run without in the same turn\n\n", o.pairs)
	for _, nodes := range o.nodes {
		if err := measureCluster(ctx, o, nodes); err != nil {
			return fmt.Errorf("%d nodes: %w", nodes, err)
		}
	}
	return nil
}

// row is one line of the table: kube-scheduler alone, or with one extender.
type row struct {
	name   string
	rates  []float64
	ratios []float64
}

func measureCluster(ctx context.Context, o options, nodes int) error {
	dir := filepath.Join(o.binDir, "..", "logs", fmt.Sprintf("speed-%d", nodes))
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	plane, err := harness.StartControlPlane(ctx, filepath.Join(o.binDir, "controlplane"), dir)
	if err != nil {
		return err
	}
	defer plane.Close()
	if err := plane.CreateNodes(ctx, nodes, harness.WholeNode); err != nil {
		return err
	}
	rows := []*row{{name: "no extender"}}
	for _, program := range o.programs {
		for _, candidates := range o.candidates {
			rows = append(rows, &row{name: filepath.Base(program.Path) + ", candidates " + candidates})
		}
	}
	fmt.Printf("%d nodes\n", nodes)
	for turn := range o.pairs {
		if err := measureTurn(ctx, o, plane, rows); err != nil {
			return fmt.Errorf("turn %d: %w", turn, err)
		}
	}
	printRows(rows)
	return nil
}

// measureTurn runs every row once, kube-scheduler alone first. An extender runs only during its own row.
func measureTurn(ctx context.Context, o options, plane *harness.ControlPlane, rows []*row) error {
	bare, err := measureRun(ctx, o, plane, "")
	if err != nil {
		return err
	}
	rows[0].rates = append(rows[0].rates, bare)
	rows[0].ratios = append(rows[0].ratios, 1)
	next := 1
	for _, program := range o.programs {
		for _, candidates := range o.candidates {
			extender, err := plane.StartExtender(ctx, program, harness.ExtenderOptions{Candidates: candidates})
			if err != nil {
				return err
			}
			rate, err := measureRun(ctx, o, plane, extender.URL)
			extender.Close()
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", rows[next].name, err, extender.LogTail(10))
			}
			rows[next].rates = append(rows[next].rates, rate)
			rows[next].ratios = append(rows[next].ratios, rate/bare)
			next++
		}
	}
	return nil
}

// measureRun creates the pods, starts kube-scheduler, and takes the time of the bindings from a watch.
func measureRun(ctx context.Context, o options, plane *harness.ControlPlane, extenderURL string) (float64, error) {
	defer plane.StopScheduler()
	if err := plane.CreatePods(ctx, o.pods, harness.WholePod); err != nil {
		return 0, err
	}
	bound, err := plane.WatchBindings(ctx, o.pods)
	if err != nil {
		return 0, err
	}
	config := harness.SchedulerConfig{PercentageOfNodesToScore: o.percentage}
	if extenderURL != "" {
		config.Extenders = append(config.Extenders, harness.GpuschedEntry(extenderURL))
	}
	if err := plane.StartScheduler(ctx, config); err != nil {
		return 0, err
	}
	times, err := bound(5 * time.Minute)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, plane.Scheduler.LogTail(10))
	}
	plane.StopScheduler()
	if err := plane.DeletePods(ctx); err != nil {
		return 0, err
	}
	slices.SortFunc(times, time.Time.Compare)
	from, to := o.pods/10, o.pods*95/100
	return float64(to-from) / times[to].Sub(times[from]).Seconds(), nil
}

func printRows(rows []*row) {
	fmt.Printf("  %-36s %8s %7s   %s\n", "", "pods/s", "ratio", "ratio of each turn")
	for _, row := range rows {
		each := make([]string, len(row.ratios))
		for i, ratio := range row.ratios {
			each[i] = fmt.Sprintf("%.2f", ratio)
		}
		fmt.Printf("  %-36s %8.0f %7.2f   %s\n", row.name, median(row.rates), median(row.ratios), strings.Join(each, " "))
	}
	fmt.Println()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
