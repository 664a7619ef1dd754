package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

var payload = []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.org> 1 +0000\n\nchange\n")

func newSSHKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sshSigner(t, private)
}

func sshSigner(t *testing.T, private any) (ssh.Signer, string) {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

func signSSH(t *testing.T, signer ssh.Signer, text []byte, namespace string) string {
	t.Helper()
	sig, err := sshsig.Sign(bytes.NewReader(text), signer, sshsig.HashSHA512, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return string(sshsig.Armor(sig))
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signers")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSSH(t *testing.T) {
	known, line := newSSHKey(t)
	stranger, _ := newSSHKey(t)
	good := signSSH(t, known, payload, "git")
	when := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, signers, signature string
		payload                  []byte
		want                     error
	}{
		{name: "known", signers: "ann@example.org " + line, signature: good},
		{name: "namespaces name git", signers: `ann@example.org namespaces="file,git" ` + line, signature: good},
		{name: "quoted principals", signers: `"ann@example.org,bob@example.org" ` + line, signature: good},
		{name: "second line of the key is valid", signers: "old@example.org valid-before=\"20250101Z\" " + line + "\nann@example.org " + line, signature: good},
		{name: "within its time", signers: `ann@example.org valid-after="20260101Z",valid-before="202612312359Z" ` + line, signature: good},
		{name: "before its time", signers: `ann@example.org valid-after="20270101Z" ` + line, signature: good, want: ErrStranger},
		{name: "after its time", signers: `ann@example.org valid-before="20260601115959Z" ` + line, signature: good, want: ErrStranger},
		{name: "for files alone", signers: `ann@example.org namespaces="file" ` + line, signature: good, want: ErrStranger},
		{name: "stranger", signers: "ann@example.org " + line, signature: signSSH(t, stranger, payload, "git"), want: ErrStranger},
		{name: "another commit's", signers: "ann@example.org " + line, signature: good, payload: append([]byte("x"), payload...), want: ErrBad},
		{name: "made for a file", signers: "ann@example.org " + line, signature: signSSH(t, known, payload, "file"), want: ErrBad},
		{name: "none", signers: "ann@example.org " + line, signature: " \n", want: ErrUnsigned},
		{name: "two", signers: "ann@example.org " + line, signature: good + good, want: ErrMalformed},
		{name: "cut", signers: "ann@example.org " + line, signature: good[:len(good)/2], want: ErrMalformed},
		{name: "another kind", signers: "ann@example.org " + line, signature: "-----BEGIN SIGNED MESSAGE-----", want: ErrMalformed},
		{name: "authority", signers: "*@example.org cert-authority " + line, signature: good, want: ErrSigners},
		{name: "unknown option", signers: "ann@example.org no-touch-required " + line, signature: good, want: ErrSigners},
		{name: "no key", signers: "ann@example.org", signature: good, want: ErrSigners},
		{name: "bad key", signers: "ann@example.org ssh-ed25519 AAAA", signature: good, want: ErrSigners},
		{name: "bad time", signers: "ann@example.org valid-after=\"tomorrow\" " + line, signature: good, want: ErrSigners},
		{name: "nobody", signers: "# nobody yet\n", signature: good, want: ErrSigners},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Signers{SSHFile: file(t, c.signers+"\n")}
			text := payload
			if c.payload != nil {
				text = c.payload
			}
			who, err := s.Verify(text, c.signature, when)
			if !errors.Is(err, c.want) || (err == nil) != strings.Contains(who, "ann@example.org") {
				t.Fatalf("Verify: %q, %v; want %v", who, err, c.want)
			}
		})
	}
}

// sha1Only signs as very old programs do.
type sha1Only struct{ ssh.AlgorithmSigner }

func (s sha1Only) SignWithAlgorithm(r io.Reader, data []byte, _ string) (*ssh.Signature, error) {
	return s.AlgorithmSigner.SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

func TestSSHWithSHA1(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, line := sshSigner(t, private)
	s := &Signers{SSHFile: file(t, "ann@example.org "+line)}
	if _, err := s.Verify(payload, signSSH(t, signer, payload, "git"), time.Now()); err != nil {
		t.Fatalf("SHA-2: %v", err)
	}
	old := signSSH(t, sha1Only{signer.(ssh.AlgorithmSigner)}, payload, "git")
	if _, err := s.Verify(payload, old, time.Now()); !errors.Is(err, ErrMalformed) {
		t.Fatalf("SHA-1: %v; want %v", err, ErrMalformed)
	}
}

func newPGPKey(t *testing.T, config *packet.Config) (*openpgp.Entity, string) {
	t.Helper()
	e, err := openpgp.NewEntity("Ann", "", "ann@example.org", config)
	if err != nil {
		t.Fatal(err)
	}
	var public bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return e, public.String() + "\n"
}

func signPGP(t *testing.T, e *openpgp.Entity, config *packet.Config) string {
	t.Helper()
	var out bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&out, e, bytes.NewReader(payload), config); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPGP(t *testing.T) {
	ann, annPublic := newPGPKey(t, nil)
	_, otherPublic := newPGPKey(t, nil)
	past := &packet.Config{Time: func() time.Time { return time.Now().AddDate(-2, 0, 0) }, KeyLifetimeSecs: 3600}
	expired, expiredPublic := newPGPKey(t, past)
	ahead := &packet.Config{Time: func() time.Time { return time.Now().Add(20 * time.Minute) }}
	good := signPGP(t, ann, nil)
	for _, c := range []struct {
		name, keys, signature string
		payload               []byte
		want                  error
	}{
		{name: "known", keys: annPublic, signature: good},
		{name: "second block of the file", keys: otherPublic + annPublic, signature: good},
		{name: "signer's clock ahead", keys: annPublic, signature: signPGP(t, ann, ahead)},
		{name: "stranger", keys: otherPublic, signature: good, want: ErrStranger},
		{name: "expired key", keys: expiredPublic, signature: signPGP(t, expired, past), want: ErrStranger},
		{name: "another commit's", keys: annPublic, signature: good, payload: []byte("tree 0\n"), want: ErrBad},
		{name: "two", keys: annPublic, signature: good + "\n" + good, want: ErrMalformed},
		{name: "cut", keys: annPublic, signature: good[:len(good)/2], want: ErrMalformed},
		{name: "no keys", keys: "-\n", signature: good, want: ErrSigners},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Signers{PGPFile: file(t, c.keys)}
			text := payload
			if c.payload != nil {
				text = c.payload
			}
			who, err := s.Verify(text, c.signature, time.Now())
			if !errors.Is(err, c.want) || (err == nil) != strings.Contains(who, "ann@example.org") {
				t.Fatalf("Verify: %q, %v; want %v", who, err, c.want)
			}
		})
	}
}

// TestRotation changes who is allowed while the daemon runs.
func TestRotation(t *testing.T) {
	first, line := newSSHKey(t)
	second, nextLine := newSSHKey(t)
	path := file(t, "ann@example.org "+line)
	s := &Signers{SSHFile: path}
	if _, err := s.Verify(payload, signSSH(t, first, payload, "git"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("# rotated\nann@example.org "+nextLine), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(payload, signSSH(t, second, payload, "git"), time.Now()); err != nil {
		t.Errorf("new key: %v", err)
	}
	if _, err := s.Verify(payload, signSSH(t, first, payload, "git"), time.Now()); !errors.Is(err, ErrStranger) {
		t.Errorf("old key: %v; want %v", err, ErrStranger)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(payload, signSSH(t, second, payload, "git"), time.Now()); !errors.Is(err, ErrSigners) {
		t.Errorf("without the file: %v; want %v", err, ErrSigners)
	}
}

func TestKindNotSetUp(t *testing.T) {
	ann, _ := newPGPKey(t, nil)
	_, line := newSSHKey(t)
	s := &Signers{SSHFile: file(t, "ann@example.org "+line)}
	if _, err := s.Verify(payload, signPGP(t, ann, nil), time.Now()); !errors.Is(err, ErrStranger) {
		t.Errorf("Verify: %v; want %v", err, ErrStranger)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n", "ann@example.org ssh-ed25519 AAAA")
	f.Add("-----BEGIN PGP SIGNATURE-----\n\n=abcd\n-----END PGP SIGNATURE-----\n", "\"a b\" namespaces=\"git\" ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, signature, signers string) {
		s := &Signers{SSHFile: file(t, signers), PGPFile: file(t, signers)}
		if who, err := s.Verify(payload, signature, time.Now()); err == nil {
			t.Fatalf("%q was taken for a signature of %q", signature, who)
		}
	})
}
