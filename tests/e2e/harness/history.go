package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	resourcehelper "k8s.io/component-helpers/resource"
)

const (
	podsPrefix  = "/registry/pods/"
	nodesPrefix = "/registry/minions/"
)

// Change is one write of a pod or node as etcd keeps it. Exactly one of Pod and Node is set, unless Deleted: then
// neither is.
type Change struct {
	Revision int64
	Key      string
	Deleted  bool
	Pod      *corev1.Pod
	Node     *corev1.Node
}

// ReadHistory reads every change of pods and nodes since the start, in the order of their revisions.
func ReadHistory(ctx context.Context, endpoint string) ([]Change, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		MaxCallRecvMsgSize: 1 << 30})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	status, err := client.Get(ctx, podsPrefix, clientv3.WithCountOnly())
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, prefix := range []string{podsPrefix, nodesPrefix} {
		part, err := readPrefix(ctx, client, prefix, status.Header.Revision)
		if err != nil {
			return nil, err
		}
		changes = append(changes, part...)
	}
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].Revision < changes[j].Revision })
	return changes, nil
}

// readPrefix watches from revision 1; a progress notice at or past the last revision says that nothing is left.
func readPrefix(ctx context.Context, client *clientv3.Client, prefix string, last int64) ([]Change, error) {
	inner, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	watch := client.Watch(inner, prefix, clientv3.WithPrefix(), clientv3.WithRev(1))
	progress := time.NewTicker(100 * time.Millisecond)
	defer progress.Stop()
	var changes []Change
	for {
		select {
		case reply, open := <-watch:
			if err := reply.Err(); err != nil {
				return nil, err
			}
			if !open {
				return nil, ctx.Err()
			}
			for _, event := range reply.Events {
				change, err := decode(event)
				if err != nil {
					return nil, err
				}
				changes = append(changes, change)
			}
			if reply.IsProgressNotify() && reply.Header.Revision >= last {
				return changes, nil
			}
		case <-progress.C:
			if err := client.RequestProgress(inner); err != nil {
				return nil, err
			}
		}
	}
}

func decode(event *clientv3.Event) (Change, error) {
	change := Change{Revision: event.Kv.ModRevision, Key: string(event.Kv.Key), Deleted: event.Type == clientv3.EventTypeDelete}
	if change.Deleted {
		return change, nil
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(event.Kv.Value, nil, nil)
	if err != nil {
		return change, fmt.Errorf("%s at revision %d: %w", change.Key, change.Revision, err)
	}
	switch typed := object.(type) {
	case *corev1.Pod:
		change.Pod = typed
	case *corev1.Node:
		change.Node = typed
	default:
		return change, fmt.Errorf("%s: unexpected type %T", change.Key, object)
	}
	return change, nil
}

// Holdings follows who holds what on each node, revision by revision.
type Holdings struct {
	allocatable map[string]corev1.ResourceList
	pods        map[string]*corev1.Pod      // key -> latest; only those that hold devices
	onNode      map[string]map[string]bool  // node -> keys of these
	used        map[string]map[string]int64 // node -> resource -> sum of requests
}

func newHoldings() *Holdings {
	return &Holdings{allocatable: map[string]corev1.ResourceList{}, pods: map[string]*corev1.Pod{},
		onNode: map[string]map[string]bool{}, used: map[string]map[string]int64{}}
}

// apply returns the node on which the change made holdings grow, or "".
func (h *Holdings) apply(change Change) string {
	if strings.HasPrefix(change.Key, nodesPrefix) {
		if change.Node != nil {
			h.allocatable[change.Node.Name] = change.Node.Status.Allocatable
		}
		return ""
	}
	before := h.pods[change.Key]
	if before != nil {
		h.add(change.Key, before, -1)
		delete(h.pods, change.Key)
	}
	pod := change.Pod
	if pod == nil || pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return ""
	}
	h.pods[change.Key] = pod
	h.add(change.Key, pod, 1)
	if before != nil && before.UID == pod.UID {
		return ""
	}
	return pod.Spec.NodeName
}

func (h *Holdings) add(key string, pod *corev1.Pod, sign int64) {
	node := pod.Spec.NodeName
	if h.used[node] == nil {
		h.used[node], h.onNode[node] = map[string]int64{}, map[string]bool{}
	}
	if sign > 0 {
		h.onNode[node][key] = true
	} else {
		delete(h.onNode[node], key)
	}
	for name, quantity := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		if strings.HasPrefix(string(name), ResourcePrefix) {
			h.used[node][string(name)] += sign * quantity.Value()
		}
	}
}

// Overcommitments lists each revision at which a pod was bound to a node that then held more than its allocatable. A
// node whose allocatable shrinks below what it holds is none; one more pod there is.
func Overcommitments(changes []Change) []string {
	var found []string
	holdings := newHoldings()
	for _, change := range changes {
		node := holdings.apply(change)
		if node == "" {
			continue
		}
		requests := resourcehelper.PodRequests(change.Pod, resourcehelper.PodResourcesOptions{})
		for name, used := range holdings.used[node] {
			allocatable := holdings.allocatable[node][corev1.ResourceName(name)]
			if _, asks := requests[corev1.ResourceName(name)]; asks && used > allocatable.Value() {
				found = append(found, fmt.Sprintf("revision %d: %s on %s makes %s %d of %d", change.Revision, change.Key, node, name, used, allocatable.Value()))
			}
		}
	}
	return found
}

// Overlaps lists each pod that was bound with a record that takes what records of other pods on that node held
// already, with one place and its other holders, and says how many records it has read.
func Overlaps(changes []Change) (found []string, records int) {
	holdings := newHoldings()
	for _, change := range changes {
		node := holdings.apply(change)
		if node == "" {
			continue
		}
		if change.Pod.Annotations[AllocationAnnotation] != "" {
			records++
		}
		own, err := ReadRecord(change.Pod)
		if err != nil {
			found = append(found, fmt.Sprintf("revision %d: %s: %v", change.Revision, change.Key, err))
		}
		for _, place := range slices.Sorted(maps.Keys(own)) {
			if taken, holders := holdings.taken(node, place); taken > 1000 {
				found = append(found, fmt.Sprintf("revision %d: %s makes %s of %s %d milli taken, by %s",
					change.Revision, change.Key, place, node, taken, strings.Join(holders, ", ")))
				break
			}
		}
	}
	return found, records
}

// taken is how much of a place the records on a node take together, and whose they are.
func (h *Holdings) taken(node, place string) (milli int, holders []string) {
	for _, key := range slices.Sorted(maps.Keys(h.onNode[node])) {
		if places, err := ReadRecord(h.pods[key]); err == nil && places[place] > 0 {
			milli += places[place]
			holders = append(holders, strings.TrimPrefix(key, podsPrefix))
		}
	}
	return milli, holders
}

// BoundPods counts how many different pods were ever bound.
func BoundPods(changes []Change) int {
	uids := map[string]bool{}
	for _, change := range changes {
		if change.Pod != nil && change.Pod.Spec.NodeName != "" {
			uids[string(change.Pod.UID)] = true
		}
	}
	return len(uids)
}
