package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/reconcile/source/signature"
)

var signedText = []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.org> 1 +0000\n\nchange\n")

// sshSigned is a line of allowed_signers, and a signature by its key.
func sshSigned(t *testing.T) (line, armored string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sshsig.Sign(bytes.NewReader(signedText), signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	return "ann@example.org " + string(ssh.MarshalAuthorizedKey(signer.PublicKey())), string(sshsig.Armor(sig))
}

// pgpSigned is a keyring's public and private form, and a signature by its key.
func pgpSigned(t *testing.T) (public, private, armored string) {
	t.Helper()
	key, err := openpgp.NewEntity("Bob", "", "bob@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := func(kind string, write func(io.Writer) error) string {
		var out bytes.Buffer
		w, err := armor.Encode(&out, kind, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(write(w), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.String() + "\n"
	}
	public = wrapped(openpgp.PublicKeyType, key.Serialize)
	private = wrapped(openpgp.PrivateKeyType, func(w io.Writer) error { return key.SerializePrivate(w, nil) })
	var sig bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&sig, key, bytes.NewReader(signedText), nil); err != nil {
		t.Fatal(err)
	}
	return public, private, sig.String()
}

func TestSigners(t *testing.T) {
	line, bySSH := sshSigned(t)
	_, byStranger := sshSigned(t)
	public, _, byPGP := pgpSigned(t)
	name, key, _ := strings.Cut(line, " ")
	ended := name + ` valid-before="20250101Z" ` + key
	both := signerFlags{textFile(t, line), textFile(t, public)}
	another := []byte("tree of another commit\n")
	for name, test := range map[string]struct {
		flags     signerFlags
		signature string
		want      error
		by        string
		text      []byte // of the commit; the signatures are of signedText
		at        time.Time
	}{
		"SSH":                             {flags: signerFlags{ssh: textFile(t, line)}, signature: bySSH, by: "ann@example.org"},
		"SSH, not signed":                 {flags: signerFlags{ssh: textFile(t, line)}, signature: "", want: signature.ErrUnsigned},
		"SSH, a stranger":                 {flags: signerFlags{ssh: textFile(t, line)}, signature: byStranger, want: signature.ErrStranger},
		"SSH, signed by OpenPGP":          {flags: signerFlags{ssh: textFile(t, line)}, signature: byPGP, want: signature.ErrStranger},
		"SSH, nonsense":                   {flags: signerFlags{ssh: textFile(t, line)}, signature: "x", want: signature.ErrMalformed},
		"SSH, before the key's end":       {flags: signerFlags{ssh: textFile(t, ended)}, signature: bySSH, at: time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC), by: "ann@example.org"},
		"SSH, after the key's end":        {flags: signerFlags{ssh: textFile(t, ended)}, signature: bySSH, at: time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC), want: signature.ErrStranger},
		"OpenPGP":                         {flags: signerFlags{pgp: textFile(t, public)}, signature: byPGP, by: "Bob <bob@example.org>"},
		"OpenPGP, not signed":             {flags: signerFlags{pgp: textFile(t, public)}, signature: "", want: signature.ErrUnsigned},
		"OpenPGP, signed by SSH":          {flags: signerFlags{pgp: textFile(t, public)}, signature: bySSH, want: signature.ErrStranger},
		"both, signed by SSH":             {flags: both, signature: bySSH, by: "ann@example.org"},
		"both, signed by OpenPGP":         {flags: both, signature: byPGP, by: "Bob <bob@example.org>"},
		"both, a stranger":                {flags: both, signature: byStranger, want: signature.ErrStranger},
		"both, SSH of another commit":     {flags: both, signature: bySSH, want: signature.ErrBad, text: another},
		"both, OpenPGP of another commit": {flags: both, signature: byPGP, want: signature.ErrBad, text: another},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			verify, err := test.flags.verify(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
			if err != nil || verify == nil {
				t.Fatalf("commits are verified: %t, %v", verify != nil, err)
			}
			signed := source.Signed{Payload: signedText, Signature: test.signature}
			if test.text != nil {
				signed.Payload = test.text
			}
			revision := source.Revision{Commit: "abc", Time: test.at, Signed: signed}
			if diff := cmp.Diff(test.want, verify(revision), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(text.String(), "commit is signed") != (test.want == nil) || !strings.Contains(text.String(), test.by) {
				t.Errorf("log: %s", text.String())
			}
		})
	}
}

func TestSignersThatCannotBeRead(t *testing.T) {
	line, _ := sshSigned(t)
	public, private, _ := pgpSigned(t)
	missing, folder := filepath.Join(t.TempDir(), "missing"), t.TempDir()
	good, keys, empty := textFile(t, line), textFile(t, public), textFile(t, "# nobody yet\n")
	secret := textFile(t, private)
	for name, test := range map[string]struct {
		flags signerFlags
		says  []string // all of these; none is no error
	}{
		"neither":           {},
		"both":              {flags: signerFlags{good, keys}},
		"SSH missing":       {signerFlags{ssh: missing}, []string{missing, "no such file"}},
		"SSH a folder":      {signerFlags{ssh: folder}, []string{folder, "is a directory"}},
		"SSH empty":         {signerFlags{ssh: empty}, []string{empty, "it names nobody"}},
		"SSH no such form":  {signerFlags{ssh: keys}, []string{keys, "line 1", "cannot be read"}},
		"OpenPGP missing":   {signerFlags{pgp: missing}, []string{missing, "no such file"}},
		"OpenPGP a folder":  {signerFlags{pgp: folder}, []string{folder, "is a directory"}},
		"OpenPGP empty":     {signerFlags{pgp: empty}, []string{empty, "holds no armored public key"}},
		"OpenPGP private":   {signerFlags{pgp: secret}, []string{secret, "only public keys belong"}},
		"both, SSH bad":     {signerFlags{missing, keys}, []string{missing}},
		"both, OpenPGP bad": {signerFlags{good, missing}, []string{missing}},
	} {
		verify, err := test.flags.verify(slog.New(slog.DiscardHandler))
		if (err != nil) != (test.says != nil) || err != nil && !errors.Is(err, signature.ErrSigners) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if wants := err == nil && test.flags != (signerFlags{}); (verify != nil) != wants {
			t.Errorf("%s: commits are verified: %t", name, verify != nil)
		}
		for _, words := range test.says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v lacks %q", name, err, words)
			}
		}
	}
}
