package harness

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	adminToken     = "admin-of-the-set-up"
	schedulerToken = "kube-scheduler"
	readyTimeout   = 60 * time.Second
)

// ControlPlane is etcd, kube-apiserver and kube-scheduler as three processes.
type ControlPlane struct {
	Dir          string // logs, keys and data; given to Start
	Binary       string // cmd/controlplane
	Etcd         *Process
	APIServer    *Process
	Scheduler    *Process // nil until StartScheduler
	EtcdEndpoint string
	AdminConfig  *rest.Config // system:masters; for the test's own set-up alone
	Admin        kubernetes.Interface

	apiAddress string
}

// StartControlPlane starts etcd and kube-apiserver (authorisation by RBAC) and waits until they are ready.
func StartControlPlane(ctx context.Context, binary, dir string) (*ControlPlane, error) {
	c := &ControlPlane{Dir: dir, Binary: binary}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := c.startEtcd(); err != nil {
		return nil, err
	}
	if err := c.startAPIServer(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *ControlPlane) startEtcd() error {
	client, err := FreeAddress()
	if err != nil {
		return err
	}
	peer, err := FreeAddress()
	if err != nil {
		return err
	}
	c.EtcdEndpoint = client
	c.Etcd = NewProcess(c.Dir, "etcd", c.Binary,
		[]string{"etcd", "--data-dir", filepath.Join(c.Dir, "etcd"), "--listen", client, "--listen-peer", peer})
	return c.Etcd.Start()
}

func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	address, err := FreeAddress()
	if err != nil {
		return err
	}
	c.apiAddress = address
	_, port, _ := net.SplitHostPort(address)
	keyFile, publicFile := filepath.Join(c.Dir, "sa.key"), filepath.Join(c.Dir, "sa.pub")
	if err := writeServiceAccountKeys(keyFile, publicFile); err != nil {
		return err
	}
	tokens := filepath.Join(c.Dir, "tokens.csv")
	text := adminToken + ",admin,1,\"system:masters\"\n" + schedulerToken + ",system:kube-scheduler,2\n"
	if err := os.WriteFile(tokens, []byte(text), 0o600); err != nil {
		return err
	}
	c.APIServer = NewProcess(c.Dir, "kube-apiserver", c.Binary, []string{"kube-apiserver",
		"--etcd-servers=http://" + c.EtcdEndpoint,
		"--etcd-compaction-interval=0", // ReadHistory needs every revision
		"--cert-dir=" + filepath.Join(c.Dir, "certs"),
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		// Never dialled: nothing here uses the kubernetes Service.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + publicFile, "--service-account-signing-key-file=" + keyFile,
		"--authorization-mode=RBAC", "--token-auth-file=" + tokens,
		// Their other halves are controllers of kube-controller-manager, which does not run.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,DefaultTolerationSeconds",
		"--profiling=false",
	})
	if err := c.APIServer.Start(); err != nil {
		return err
	}
	c.AdminConfig = &rest.Config{
		Host: "https://" + address, BearerToken: adminToken, QPS: 5000, Burst: 5000,
		TLSClientConfig: rest.TLSClientConfig{CAFile: c.caFile()},
		ContentConfig:   rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf", AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json"},
	}
	if err := c.waitForAPIServer(ctx); err != nil {
		return err
	}
	c.Admin, err = kubernetes.NewForConfig(c.AdminConfig)
	if err != nil {
		return err
	}
	_, err = c.Admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}, metav1.CreateOptions{})
	return err
}

// RestartAPIServer kills kube-apiserver, leaves it down for that long, and waits until it is ready again.
func (c *ControlPlane) RestartAPIServer(ctx context.Context, down time.Duration) error {
	c.APIServer.Kill()
	time.Sleep(down)
	if err := c.APIServer.Start(); err != nil {
		return err
	}
	return c.waitForAPIServer(ctx)
}

func (c *ControlPlane) caFile() string { return filepath.Join(c.Dir, "certs", "apiserver.crt") }

func (c *ControlPlane) waitForAPIServer(ctx context.Context) error {
	err := WaitFor(ctx, readyTimeout, 50*time.Millisecond, func() (bool, string) {
		if !c.APIServer.Running() {
			return false, "it has exited"
		}
		config := rest.CopyConfig(c.AdminConfig)
		config.Timeout = 5 * time.Second
		client, err := rest.HTTPClientFor(config) // fails until the certificate is written
		if err != nil {
			return false, err.Error()
		}
		response, err := client.Get(config.Host + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, response.Status
	})
	if err != nil {
		return fmt.Errorf("kube-apiserver is not ready: %w\n%s", err, c.APIServer.LogTail(30))
	}
	return nil
}

// Close ends all processes and removes etcd's data; logs stay.
func (c *ControlPlane) Close() {
	for _, process := range []*Process{c.Scheduler, c.APIServer, c.Etcd} {
		if process != nil {
			process.Kill()
		}
	}
	_ = os.RemoveAll(filepath.Join(c.Dir, "etcd"))
}

// ServiceAccountKubeconfig writes a kubeconfig with a token of the ServiceAccount (TokenRequest, one hour), which is
// created if it is missing. RBAC decides what it may.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	accounts := c.Admin.CoreV1().ServiceAccounts(namespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	seconds := int64(3600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	reply, err := accounts.CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return c.writeKubeconfig(name, reply.Status.Token)
}

func (c *ControlPlane) writeKubeconfig(user, token string) (string, error) {
	path := filepath.Join(c.Dir, user+".kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster: {server: "https://%s", certificate-authority: "%s"}
users:
- name: %s
  user: {token: "%s"}
contexts:
- name: e2e
  context: {cluster: e2e, user: %s}
current-context: e2e
`, c.apiAddress, c.caFile(), user, token, user)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func writeServiceAccountKeys(keyFile, publicFile string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(keyFile, private, 0o600); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return os.WriteFile(publicFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

// WaitFor polls until the condition holds; the error of a time-out carries what the condition said last.
func WaitFor(ctx context.Context, timeout, interval time.Duration, condition func() (bool, string)) error {
	deadline := time.Now().Add(timeout)
	for {
		done, said := condition()
		if done {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %s", timeout, said)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
