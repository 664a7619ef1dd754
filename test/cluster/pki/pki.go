// Package pki makes the certificates and keys of one cluster: an authority, what each server shows, what each client
// shows, and the key that service account tokens are signed with.
//
// All of it is made anew for each cluster, lies in one folder and lives for a year. Nothing else trusts it.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const lifetime = 365 * 24 * time.Hour

// An Authority signs certificates and writes them to its folder: NAME.crt and NAME.key.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time
}

// A Subject is who a certificate is for. Kubernetes reads a client's user name from Name and its groups from Groups;
// a server is known by Hosts, which are DNS names and addresses.
type Subject struct {
	Name   string
	Groups []string
	Hosts  []string
}

// New makes an authority and writes its certificate and key as ca.crt and ca.key.
func New(dir string, now time.Time) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: now}
	template := a.template(Subject{Name: "watchbill-cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, der, err := a.sign(template, nil, nil)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.key = key
	return a, a.write("ca", key, der)
}

// Issue makes a certificate that serves both ends of a connection.
func (a *Authority) Issue(file string, subject Subject) error {
	template := a.template(subject)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	key, der, err := a.sign(template, a.cert, a.key)
	if err != nil {
		return err
	}
	return a.write(file, key, der)
}

// KeyPair writes a key, NAME.key, and its public half, NAME.pub, for signatures without a certificate.
func (a *Authority) KeyPair(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := a.writeKey(file, key); err != nil {
		return err
	}
	return a.writePEM(file+".pub", "PUBLIC KEY", public)
}

func (a *Authority) template(subject Subject) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand's reader never fails
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: subject.Name, Organization: subject.Groups},
		NotBefore:    a.now.Add(-time.Minute),
		NotAfter:     a.now.Add(lifetime),
	}
	for _, host := range subject.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

// sign makes a key and a certificate over it; without a parent the certificate is signed by its own key.
func (a *Authority) sign(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return key, der, nil
}

func (a *Authority) write(file string, key *ecdsa.PrivateKey, der []byte) error {
	if err := a.writeKey(file, key); err != nil {
		return err
	}
	return a.writePEM(file+".crt", "CERTIFICATE", der)
}

func (a *Authority) writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return a.writePEM(file+".key", "EC PRIVATE KEY", der)
}

func (a *Authority) writePEM(file, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(a.dir, file), text, 0o600)
}
