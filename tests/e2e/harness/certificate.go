package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Certificate is a server certificate for 127.0.0.1, signed by a CA of its own.
type Certificate struct {
	CA        []byte // PEM
	cert, key []byte
	pool      *x509.CertPool
}

// NewCertificate makes CA and certificate, valid for an hour.
func NewCertificate() (*Certificate, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	start, end := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e webhook CA"}, NotBefore: start, NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "gpusched-extender"}, NotBefore: start, NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	c := &Certificate{
		CA:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		pool: x509.NewCertPool(),
	}
	c.pool.AppendCertsFromPEM(c.CA)
	return c, nil
}

func (c *Certificate) client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}, MaxIdleConnsPerHost: 64}}
}

// writeConfig writes the files and an extender's configuration that names them.
func (c *Certificate) writeConfig(dir string) (string, error) {
	certFile, keyFile, configFile := filepath.Join(dir, "extender.crt"), filepath.Join(dir, "extender.key"), filepath.Join(dir, "extender.json")
	config, err := json.Marshal(map[string]any{"tls": map[string]string{"certFile": certFile, "keyFile": keyFile}})
	if err != nil {
		return "", err
	}
	for path, content := range map[string][]byte{certFile: c.cert, keyFile: c.key, configFile: config} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return "", err
		}
	}
	return configFile, nil
}
