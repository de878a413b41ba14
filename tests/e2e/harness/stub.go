package harness

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Answer is what a stub makes of a request: a value to be sent as JSON, or a status other than 200 alone.
type Answer func(request []byte) (status int, body any)

// Stub is another extender beside the one under test: it answers each verb as it is told.
type Stub struct {
	callLog
	server  *httptest.Server
	answers map[string]Answer
}

// NewStub listens at once; a verb that it was told nothing about is answered 404.
func NewStub() *Stub {
	s := &Stub{answers: map[string]Answer{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// URL is the urlPrefix for kube-scheduler.
func (s *Stub) URL() string { return s.server.URL }

// Close ends the stub.
func (s *Stub) Close() { s.server.Close() }

// Answer sets what is said from now on.
func (s *Stub) Answer(verb string, answer Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[verb] = answer
}

func (s *Stub) serve(w http.ResponseWriter, r *http.Request) {
	call := Call{Verb: strings.TrimPrefix(r.URL.Path, "/"), Start: time.Now(), Status: http.StatusNotFound}
	call.Request, _ = io.ReadAll(r.Body)
	s.mu.Lock()
	answer := s.answers[call.Verb]
	s.mu.Unlock()
	if answer != nil {
		var body any
		if call.Status, body = answer(call.Request); call.Status == http.StatusOK {
			call.Response, _ = json.Marshal(body)
		}
	}
	call.Took = time.Since(call.Start)
	s.add(call)
	w.WriteHeader(call.Status)
	_, _ = w.Write(call.Response)
}
