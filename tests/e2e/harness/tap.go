package harness

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Call is one request of kube-scheduler to the extender and its answer.
type Call struct {
	Verb     string
	Start    time.Time
	Took     time.Duration // what the extender took, without a delay of the tap
	Status   int
	Request  []byte
	Response []byte
}

// callLog remembers calls.
type callLog struct {
	mu    sync.Mutex
	calls []Call
}

func (l *callLog) add(call Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
}

// Calls of that verb whose request names the pod.
func (l *callLog) Calls(verb, pod string) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Call
	for _, call := range l.calls {
		named := bytes.Contains(call.Request, []byte(`"name":"`+pod+`"`)) || bytes.Contains(call.Request, []byte(`"PodName":"`+pod+`"`))
		if call.Verb == verb && named {
			found = append(found, call)
		}
	}
	return found
}

// Tap stands between kube-scheduler and the extender and writes down what goes by; it can hold an answer back.
type Tap struct {
	callLog
	Client *http.Client // towards the extender
	server *httptest.Server
	target string
	delays map[string]time.Duration // verb -> how long the next answer is held back
}

// NewTap listens at once.
func NewTap(target string) *Tap {
	t := &Tap{Client: http.DefaultClient, target: target, delays: map[string]time.Duration{}}
	t.server = httptest.NewServer(http.HandlerFunc(t.serve))
	return t
}

// URL is the urlPrefix for kube-scheduler.
func (t *Tap) URL() string { return t.server.URL }

// Close ends the tap.
func (t *Tap) Close() { t.server.Close() }

// DelayNext holds back the answer to the next call of that verb.
func (t *Tap) DelayNext(verb string, delay time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delays[verb] = delay
}

func (t *Tap) serve(w http.ResponseWriter, r *http.Request) {
	call := Call{Verb: strings.TrimPrefix(r.URL.Path, "/"), Start: time.Now()}
	call.Request, _ = io.ReadAll(r.Body)
	response, err := t.Client.Post(t.target+r.URL.Path, "application/json", bytes.NewReader(call.Request))
	call.Took = time.Since(call.Start)
	if err != nil {
		call.Status = http.StatusBadGateway
	} else {
		call.Status = response.StatusCode
		call.Response, _ = io.ReadAll(response.Body)
		response.Body.Close()
	}
	t.mu.Lock()
	delay := t.delays[call.Verb]
	delete(t.delays, call.Verb)
	t.mu.Unlock()
	t.add(call)
	time.Sleep(delay)
	w.WriteHeader(call.Status)
	_, _ = w.Write(call.Response)
}
