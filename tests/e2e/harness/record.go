package harness

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// AllocationAnnotation holds what bind promised a pod. Written anew here rather than shared with the extender, so that
// a mistake in its record is not repeated by the check.
const AllocationAnnotation = "gpusched.io/allocation"

// unitsOfGPU is how many placement units a MIG GPU of 80 GB has; an instance takes as many as it has 10 GB.
const unitsOfGPU = 8

// unitsOfProfile are the profiles of GPUs of 80 GB, the only ones of these tests.
var unitsOfProfile = map[string]int{"1g.10gb": 1, "1g.20gb": 2, "2g.20gb": 2, "3g.40gb": 4, "4g.40gb": 4, "7g.80gb": 8}

// ReadRecord says what a pod's record takes: milli of each placement unit, "gpu 0 unit 3". A whole GPU takes all of its
// units. Nothing for a pod without a record, for one of another version, and for an instance whose place is not stated.
func ReadRecord(pod *corev1.Pod) (map[string]int, error) {
	text := pod.Annotations[AllocationAnnotation]
	version, fields, _ := strings.Cut(text, ";")
	if version != "v1" {
		return nil, nil
	}
	values := map[string]string{}
	for _, field := range strings.Split(fields, ";") {
		key, value, _ := strings.Cut(field, "=")
		values[key] = value
	}
	if values["node"] != pod.Spec.NodeName {
		return nil, fmt.Errorf("bound to %s with the record %s", pod.Spec.NodeName, text)
	}
	taken := map[string]int{}
	if values["parts"] == "" {
		return taken, nil
	}
	for _, part := range strings.Split(values["parts"], ",") {
		if err := addPart(taken, part); err != nil {
			return nil, fmt.Errorf("%s: part %s: %w", text, part, err)
		}
	}
	return taken, nil
}

// addPart reads GPU [":" PROFILE ["@" START]] ["*" MILLI] ["+" MIB "Mi"].
func addPart(taken map[string]int, part string) error {
	place, _, _ := strings.Cut(part, "+")
	place, share, isShare := strings.Cut(place, "*")
	gpu, instance, isInstance := strings.Cut(place, ":")
	milli := 1000
	if isShare {
		var err error
		if milli, err = strconv.Atoi(share); err != nil {
			return err
		}
	} else if strings.Contains(part, "+") {
		milli = 1 // a share of memory alone
	}
	start, units := 0, unitsOfGPU
	if isInstance {
		profile, at, isPlaced := strings.Cut(instance, "@")
		if !isPlaced {
			return nil
		}
		known := false
		if units, known = unitsOfProfile[profile]; !known {
			return fmt.Errorf("unknown profile %s", profile)
		}
		var err error
		if start, err = strconv.Atoi(at); err != nil {
			return err
		}
	}
	for unit := start; unit < start+units; unit++ {
		taken[fmt.Sprintf("gpu %s unit %d", gpu, unit)] += milli
	}
	return nil
}
