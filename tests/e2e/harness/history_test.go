package harness

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func bound(revision int64, name, uid string, change func(pod *corev1.Pod)) Change {
	pod := WholePod.Pod(name)
	pod.UID = types.UID(uid)
	pod.Spec.NodeName = "n"
	requestsAndLimits(&pod.Spec, nil) // the API server defaults requests to limits
	change(pod)
	return Change{Revision: revision, Key: podsPrefix + "e2e/" + name, Pod: pod}
}

func deleted(revision int64, name string) Change {
	return Change{Revision: revision, Key: podsPrefix + "e2e/" + name, Deleted: true}
}

func offers(revision, count int64) Change {
	kind := NodeKind{Name: "n", Resources: map[string]int64{"nvidia.com/gpu": count}}
	return Change{Revision: revision, Key: nodesPrefix + "n", Node: kind.Node("n")}
}

func record(parts string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations[AllocationAnnotation] = "v1;node=n;parts=" + parts }
}

func asIs(*corev1.Pod) {}

func TestOvercommitments(t *testing.T) {
	finished := func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }
	cases := []struct {
		name     string
		changes  []Change
		expected int
	}{
		{"full is not over", []Change{offers(1, 2), bound(2, "a", "1", asIs), bound(3, "b", "2", asIs)}, 0},
		{"one too many", []Change{offers(1, 1), bound(2, "a", "1", asIs), bound(3, "b", "2", asIs)}, 1},
		{"a status update is no new holder", []Change{offers(1, 1), bound(2, "a", "1", asIs), bound(3, "a", "1", asIs)}, 0},
		{"a deleted pod holds nothing", []Change{offers(1, 1), bound(2, "a", "1", asIs), deleted(3, "a"), bound(4, "b", "2", asIs)}, 0},
		{"nor does a finished one", []Change{offers(1, 1), bound(2, "a", "1", asIs), bound(3, "a", "1", finished), bound(4, "b", "2", asIs)}, 0},
		{"a smaller node is not over by itself", []Change{offers(1, 1), bound(2, "a", "1", asIs), offers(3, 0)}, 0},
		{"but with one more pod", []Change{offers(1, 2), bound(2, "a", "1", asIs), offers(3, 1), bound(4, "b", "2", asIs)}, 1},
		{"of the same name", []Change{offers(1, 0), bound(2, "a", "1", asIs), bound(3, "a", "2", asIs)}, 2},
	}
	for _, row := range cases {
		if found := Overcommitments(row.changes); len(found) != row.expected {
			t.Errorf("%s: %v", row.name, found)
		}
	}
}

func TestOverlaps(t *testing.T) {
	cases := []struct {
		name, first, second string
		expected            string // part of what is found; empty: nothing
	}{
		{"two GPUs", "0", "1", ""},
		{"one GPU twice", "0,2", "2", "gpu 2 unit 0"},
		{"halves", "0*500+8192Mi", "0*500", ""},
		{"more than one GPU of shares", "0*500", "0*501", "1001 milli"},
		{"instances side by side", "0:3g.40gb@0", "0:3g.40gb@4", ""},
		{"instances that overlap", "0:3g.40gb@0", "0:2g.20gb@2", "gpu 0 unit 2"},
		{"an instance on a whole GPU", "0", "0:1g.10gb@6", "gpu 0 unit 6"},
		{"an instance without a place", "0:1g.10gb", "0:1g.10gb", ""},
		{"half a word", "0:1g.10gb@x", "1", "invalid syntax"},
	}
	for _, row := range cases {
		changes := []Change{offers(1, 8), bound(2, "a", "1", record(row.first)), bound(3, "b", "2", record(row.second))}
		found, records := Overlaps(changes)
		text := strings.Join(found, "; ")
		if records != 2 || (row.expected == "") != (text == "") || !strings.Contains(text, row.expected) {
			t.Errorf("%s: %d records, %q", row.name, records, text)
		}
	}
}

func TestRecordOfAnotherNode(t *testing.T) {
	change := bound(2, "a", "1", record("0"))
	change.Pod.Spec.NodeName = "elsewhere"
	if found, _ := Overlaps([]Change{change}); len(found) != 1 {
		t.Error(found)
	}
}
