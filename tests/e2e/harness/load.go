package harness

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

// CreatePods creates load-00000, load-00001, ... of one kind.
func (c *ControlPlane) CreatePods(ctx context.Context, count int, kind PodKind) error {
	return InParallel(ctx, count, func(i int) error {
		_, err := c.Admin.CoreV1().Pods(Namespace).Create(ctx, kind.Pod(fmt.Sprintf("load-%05d", i)), metav1.CreateOptions{})
		return err
	})
}

// DeletePods deletes every pod without grace and waits until none is left.
func (c *ControlPlane) DeletePods(ctx context.Context) error {
	now := int64(0)
	pods := c.Admin.CoreV1().Pods(Namespace)
	if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}); err != nil {
		return err
	}
	return WaitFor(ctx, time.Minute, 50*time.Millisecond, func() (bool, string) {
		left, err := pods.List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return false, err.Error()
		}
		return len(left.Items) == 0, "pods are left"
	})
}

// WatchBindings starts a watch of bound pods. The function returned waits until so many are bound and returns when
// each was seen.
func (c *ControlPlane) WatchBindings(ctx context.Context, count int) (func(timeout time.Duration) ([]time.Time, error), error) {
	selector := metav1.ListOptions{FieldSelector: fields.OneTermNotEqualSelector("spec.nodeName", "").String()}
	now, err := c.Admin.CoreV1().Pods(Namespace).List(ctx, selector)
	if err != nil {
		return nil, err
	}
	if len(now.Items) > 0 {
		return nil, fmt.Errorf("%d pods are bound already", len(now.Items))
	}
	selector.ResourceVersion = now.ResourceVersion
	events, err := c.Admin.CoreV1().Pods(Namespace).Watch(ctx, selector)
	if err != nil {
		return nil, err
	}
	return func(timeout time.Duration) ([]time.Time, error) {
		defer events.Stop()
		deadline := time.After(timeout)
		var times []time.Time
		for len(times) < count {
			select {
			case event, open := <-events.ResultChan():
				if !open {
					return nil, fmt.Errorf("the watch ended after %d of %d bindings", len(times), count)
				}
				if event.Type == watch.Added { // it has come into the selector
					times = append(times, time.Now())
				}
			case <-deadline:
				return nil, fmt.Errorf("%d of %d pods bound within %s", len(times), count, timeout)
			}
		}
		return times, nil
	}, nil
}
