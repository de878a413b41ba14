// Command echo-extender is a scheduler extender that decides nothing: filter gives back the first --candidates names
// it was sent, prioritize gives all the same score, bind writes the Binding with one annotation. It is the yardstick
// for what an extender costs kube-scheduler by being there.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

type server struct {
	candidates int // 0: all
	api        string
	client     *http.Client
	failpoint  failpoint
}

// failpoint ends the process with SIGKILL at its nth passage: GPUSCHED_FAILPOINT=NAME:N.
type failpoint struct {
	name   string
	at     int64
	passed atomic.Int64
}

func (f *failpoint) pass(name string) {
	if name == f.name && f.passed.Add(1) == f.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the API server")
	listen := flag.String("listen", "127.0.0.1:8888", "HOST:PORT")
	candidates := flag.String("candidates", "1", "1, a number, or all")
	_ = flag.String("log-level", "info", "ignored")
	flag.Parse()
	s := &server{}
	if *candidates != "all" {
		count, err := strconv.Atoi(*candidates)
		if err != nil || count < 1 {
			log.Fatalf("--candidates %s: give a number of at least 1, or all", *candidates)
		}
		s.candidates = count
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.connect(config); err != nil {
		log.Fatal(err)
	}
	if name, at, found := bytes.Cut([]byte(os.Getenv("GPUSCHED_FAILPOINT")), []byte(":")); found {
		s.failpoint.name = string(name)
		s.failpoint.at, _ = strconv.ParseInt(string(at), 10, 64)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /filter", s.filter)
	mux.HandleFunc("POST /prioritize", s.prioritize)
	mux.HandleFunc("POST /bind", s.bind)
	for _, path := range []string{"GET /healthz", "GET /readyz", "GET /metrics"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "") })
	}
	log.Fatal(http.ListenAndServe(*listen, mux))
}

func (s *server) connect(config *rest.Config) error {
	s.api = config.Host
	transport, err := rest.TransportFor(config)
	s.client = &http.Client{Transport: transport}
	return err
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// nameList is the raw text between the brackets of NodeNames, which kube-scheduler writes last. Names of nodes hold
// neither commas nor brackets.
func nameList(body []byte) []byte {
	const key = `"NodeNames":[`
	start := bytes.LastIndex(body, []byte(key))
	if start < 0 {
		return nil
	}
	names, _, _ := bytes.Cut(body[start+len(key):], []byte("]"))
	return names
}

func (s *server) filter(w http.ResponseWriter, r *http.Request) {
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	names := nameList(body.Bytes())
	if s.candidates > 0 {
		end := 0
		for range s.candidates {
			comma := bytes.IndexByte(names[end:], ',')
			if comma < 0 {
				end = len(names) + 1
				break
			}
			end += comma + 1
		}
		if end > 0 {
			names = names[:end-1]
		}
	}
	reply(w, []byte(`{"NodeNames":[`), names, []byte(`],"FailedNodes":{},"Error":""}`))
}

func (s *server) prioritize(w http.ResponseWriter, r *http.Request) {
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	names := bytes.ReplaceAll(nameList(body.Bytes()), []byte(","), []byte(`,"Score":0},{"Host":`))
	if len(names) == 0 {
		reply(w, []byte("[]"))
		return
	}
	reply(w, []byte(`[{"Host":`), names, []byte(`,"Score":0}]`))
}

type bindingArgs struct{ PodName, PodNamespace, PodUID, Node string }

func (s *server) bind(w http.ResponseWriter, r *http.Request) {
	var args bindingArgs
	if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
		reply(w, errorReply(err.Error()))
		return
	}
	s.failpoint.pass("bind_before_write")
	message := s.writeBinding(args)
	s.failpoint.pass("bind_after_write")
	reply(w, errorReply(message))
}

// writeBinding returns what went wrong, or "". A pod that is bound to that node already is bound: kube-scheduler asks
// again when an answer was lost.
func (s *server) writeBinding(args bindingArgs) string {
	binding := fmt.Sprintf(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":%q,"namespace":%q,"uid":%q,"annotations":{"echo-extender/node":%q}},"target":{"apiVersion":"v1","kind":"Node","name":%q}}`,
		args.PodName, args.PodNamespace, args.PodUID, args.Node, args.Node)
	url := s.api + "/api/v1/namespaces/" + args.PodNamespace + "/pods/" + args.PodName
	response, err := s.client.Post(url+"/binding", "application/json", bytes.NewReader([]byte(binding)))
	if err != nil {
		return err.Error()
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode == http.StatusCreated {
		return ""
	}
	if response.StatusCode == http.StatusConflict && s.isBound(url, args) {
		return ""
	}
	return response.Status + ": " + string(text)
}

func (s *server) isBound(url string, args bindingArgs) bool {
	response, err := s.client.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var pod struct {
		Metadata struct{ UID string }
		Spec     struct{ NodeName string }
	}
	return json.NewDecoder(response.Body).Decode(&pod) == nil && pod.Metadata.UID == args.PodUID && pod.Spec.NodeName == args.Node
}

func errorReply(message string) []byte {
	text, _ := json.Marshal(map[string]string{"Error": message})
	return text
}

func reply(w http.ResponseWriter, parts ...[]byte) {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	for _, part := range parts {
		_, _ = w.Write(part)
	}
}
