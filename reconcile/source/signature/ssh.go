package signature

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// namespace is what git signs commits for.
const namespace = "git"

// sshKey is one line of allowed_signers.
type sshKey struct {
	principals    string
	key           ssh.PublicKey
	namespaces    []string // patterns; none is any
	after, before time.Time
}

func (s *Signers) sshKeys() ([]sshKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read(&s.ssh, s.SSHFile, parseAllowedSigners)
}

func (s *Signers) verifySSH(payload []byte, armor string, when time.Time) (string, error) {
	if strings.Count(armor, "-----BEGIN ") != 1 {
		return "", fmt.Errorf("%w: there is more than one", ErrMalformed)
	}
	sig, err := sshsig.Unarmor([]byte(armor))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if s.SSHFile == "" {
		return "", fmt.Errorf("%w: no signers are known for SSH", ErrStranger)
	}
	if sig.Namespace != namespace {
		return "", fmt.Errorf("%w: it is for %q, not for git", ErrBad, sig.Namespace)
	}
	keys, err := s.sshKeys()
	if err != nil {
		return "", err
	}
	fingerprint := ssh.FingerprintSHA256(sig.PublicKey)
	refusal := fmt.Errorf("%w: %s", ErrStranger, fingerprint)
	for _, k := range keys {
		if !bytes.Equal(k.key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}
		if err := k.valid(when); err != nil {
			refusal = fmt.Errorf("%w: %s of %s %w", ErrStranger, fingerprint, k.principals, err)
			continue
		}
		if err := sshsig.Verify(bytes.NewReader(payload), sig, k.key, sig.HashAlgorithm, namespace); err != nil {
			return "", fmt.Errorf("%w: %w", ErrBad, err)
		}
		return k.principals, nil
	}
	return "", refusal
}

// valid says whether the key may sign commits at that time.
func (k sshKey) valid(when time.Time) error {
	matches := func(pattern string) bool { ok, _ := path.Match(pattern, namespace); return ok }
	switch {
	case len(k.namespaces) > 0 && !slices.ContainsFunc(k.namespaces, matches):
		return errors.New("may not sign for git")
	case !k.after.IsZero() && when.Before(k.after):
		return fmt.Errorf("is valid after %s only", k.after.Format(time.DateTime))
	case !k.before.IsZero() && !when.Before(k.before):
		return fmt.Errorf("was valid before %s only", k.before.Format(time.DateTime))
	}
	return nil
}

// parseAllowedSigners reads lines of "PRINCIPALS [OPTIONS] KEY [COMMENT]".
func parseAllowedSigners(content []byte) ([]sshKey, error) {
	var keys []sshKey
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		k, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("it names nobody")
	}
	return keys, nil
}

func parseSigner(line string) (sshKey, error) {
	principals, rest, quoted := strings.Cut(strings.TrimPrefix(line, `"`), `" `)
	if !strings.HasPrefix(line, `"`) {
		principals, rest, quoted = cutSpace(line)
	}
	if !quoted || principals == "" {
		return sshKey{}, errors.New("it is not PRINCIPALS [OPTIONS] KEY; see ssh-keygen(1), ALLOWED SIGNERS")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return sshKey{}, fmt.Errorf("the key of %s cannot be read: %w", principals, err)
	}
	k := sshKey{principals: principals, key: key}
	for _, option := range options {
		if err := k.set(option); err != nil {
			return sshKey{}, fmt.Errorf("%s: %w", principals, err)
		}
	}
	return k, nil
}

func cutSpace(line string) (before, after string, found bool) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, "", false
	}
	return line[:i], strings.TrimSpace(line[i:]), true
}

// set takes an option. One that is not known could only narrow what the key may
// do, so it is refused rather than passed over.
func (k *sshKey) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToLower(name) {
	case "namespaces":
		k.namespaces = strings.Split(value, ",")
	case "valid-after":
		k.after, err = parseTime(value)
	case "valid-before":
		k.before, err = parseTime(value)
	case "cert-authority":
		err = errors.New("cert-authority is not supported; name the keys themselves")
	default:
		err = fmt.Errorf("option %q is not known", name)
	}
	return err
}

// parseTime reads YYYYMMDD[HHMM[SS]][Z]; without Z it is local time.
func parseTime(text string) (time.Time, error) {
	zone := time.Local
	digits, utc := strings.CutSuffix(text, "Z")
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(layout) {
			if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("time %q is not YYYYMMDD[HHMM[SS]][Z]", text)
}
