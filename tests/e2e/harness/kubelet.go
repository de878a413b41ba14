package harness

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Kubelets plays the kubelets of all nodes. Like a device manager it picks the devices itself, in an order of its own
// and whatever annotations say, and refuses a pod for which too few are left.
type Kubelets struct {
	client kubernetes.Interface
	random *rand.Rand

	mu      sync.Mutex
	nodes   map[string]map[string][]string // node -> resource -> free device ids, shuffled
	held    map[types.UID]*heldDevices
	refused []string
}

type heldDevices struct {
	node string
	ids  map[string][]string
}

// StartKubelets runs until ctx ends. Every node must exist already.
func StartKubelets(ctx context.Context, client kubernetes.Interface, seed int64) (*Kubelets, error) {
	k := &Kubelets{client: client, random: rand.New(rand.NewSource(seed)), nodes: map[string]map[string][]string{}, held: map[types.UID]*heldDevices{}}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, node := range nodes.Items {
		k.nodes[node.Name] = map[string][]string{}
		for name, quantity := range node.Status.Allocatable {
			if strings.HasPrefix(string(name), ResourcePrefix) {
				k.addDevices(node.Name, string(name), 0, quantity.Value())
			}
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	}))
	informer := factory.Core().V1().Pods().Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.observe(ctx, nil, object.(*corev1.Pod)) },
		UpdateFunc: func(old, object any) { k.observe(ctx, old.(*corev1.Pod), object.(*corev1.Pod)) },
		DeleteFunc: func(object any) {
			if tombstone, isTombstone := object.(cache.DeletedFinalStateUnknown); isTombstone {
				object = tombstone.Obj
			}
			k.release(object.(*corev1.Pod).UID)
		},
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, ctx.Err()
	}
	return k, nil
}

// Refused lists the pods refused so far, as "NAMESPACE/NAME on NODE: why".
func (k *Kubelets) Refused() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.refused...)
}

// Grow makes a resource of a node larger: first the devices, then allocatable, as a device plugin does.
func (k *Kubelets) Grow(ctx context.Context, node, name string, from, to int64) error {
	k.mu.Lock()
	k.addDevices(node, name, from, to)
	k.mu.Unlock()
	return SetAllocatable(ctx, k.client, node, name, to)
}

func (k *Kubelets) addDevices(node, name string, from, to int64) {
	free := k.nodes[node][name]
	for i := from; i < to; i++ {
		free = append(free, fmt.Sprintf("%s/%s/%d", node, name, i))
	}
	k.random.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	k.nodes[node][name] = free
}

// observe is called in the order of the watch, as a kubelet admits pods one after the other.
func (k *Kubelets) observe(ctx context.Context, old, pod *corev1.Pod) {
	if old != nil && old.UID != pod.UID {
		k.release(old.UID)
	}
	switch {
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		k.release(pod.UID)
		if pod.DeletionTimestamp != nil {
			go k.terminate(ctx, pod, 0)
		}
	case pod.DeletionTimestamp != nil:
		if old == nil || old.UID != pod.UID || old.DeletionTimestamp == nil {
			go k.terminate(ctx, pod, time.Duration(*pod.DeletionGracePeriodSeconds)*time.Second)
		}
	case pod.Status.Phase == corev1.PodPending:
		k.admit(ctx, pod)
	}
}

func (k *Kubelets) admit(ctx context.Context, pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[pod.UID] != nil {
		return
	}
	k.held[pod.UID] = &heldDevices{node: pod.Spec.NodeName, ids: map[string][]string{}}
	free := k.nodes[pod.Spec.NodeName]
	for name, quantity := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		resource, count := string(name), int(quantity.Value())
		if !strings.HasPrefix(resource, ResourcePrefix) {
			continue
		}
		if len(free[resource]) < count {
			why := fmt.Sprintf("Allocate failed due to requested number of devices unavailable for %s. Requested: %d, Available: %d, which is unexpected",
				resource, count, len(free[resource]))
			k.refused = append(k.refused, fmt.Sprintf("%s/%s on %s: %s", pod.Namespace, pod.Name, pod.Spec.NodeName, why))
			k.releaseLocked(pod.UID)
			// Held nothing, but remembered: the refusal must not be tried again before its status is written.
			k.held[pod.UID] = &heldDevices{node: pod.Spec.NodeName}
			go k.writeStatus(ctx, pod, corev1.PodStatus{Phase: corev1.PodFailed, Reason: "UnexpectedAdmissionError", Message: why})
			return
		}
		k.held[pod.UID].ids[resource] = append([]string(nil), free[resource][:count]...)
		free[resource] = free[resource][count:]
	}
	go k.run(ctx, pod)
}

func (k *Kubelets) run(ctx context.Context, pod *corev1.Pod) {
	now := metav1.Now()
	condition := func(kind corev1.PodConditionType) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now}
	}
	k.writeStatus(ctx, pod, corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now,
		Conditions: []corev1.PodCondition{condition(corev1.PodInitialized), condition(corev1.PodReady), condition(corev1.ContainersReady)}})
	after, err := time.ParseDuration(pod.Annotations[FinishAfter])
	if err != nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(after):
		k.release(pod.UID)
		k.writeStatus(ctx, pod, corev1.PodStatus{Phase: corev1.PodSucceeded})
	}
}

func (k *Kubelets) terminate(ctx context.Context, pod *corev1.Pod, grace time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(grace):
	}
	k.release(pod.UID)
	now := int64(0)
	k.untilWritten(ctx, func() error {
		return k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name,
			metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	})
}

func (k *Kubelets) release(pod types.UID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.releaseLocked(pod)
}

// releaseLocked puts the devices back at a random place, so that ids never follow the order of pods.
func (k *Kubelets) releaseLocked(pod types.UID) {
	held := k.held[pod]
	if held == nil {
		return
	}
	delete(k.held, pod)
	for resource, ids := range held.ids {
		free := append(k.nodes[held.node][resource], ids...)
		k.random.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		k.nodes[held.node][resource] = free
	}
}

func (k *Kubelets) writeStatus(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) {
	conditions := ""
	for _, c := range status.Conditions {
		conditions += fmt.Sprintf(`,{"type":%q,"status":%q,"lastTransitionTime":%q}`, c.Type, c.Status, c.LastTransitionTime.UTC().Format(time.RFC3339))
	}
	if conditions != "" {
		conditions = `,"conditions":[` + conditions[1:] + "]"
	}
	patch := fmt.Sprintf(`{"metadata":{"uid":%q},"status":{"phase":%q,"reason":%q,"message":%q%s}}`, pod.UID, status.Phase, status.Reason, status.Message, conditions)
	k.untilWritten(ctx, func() error {
		_, err := k.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
		return err
	})
}

// untilWritten repeats a write while the API server is away. A pod that is gone or replaced needs no write.
func (k *Kubelets) untilWritten(ctx context.Context, write func() error) {
	for ctx.Err() == nil {
		err := write()
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsInvalid(err) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}
