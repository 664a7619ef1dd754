package signature

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

type pgpKeys = openpgp.EntityList

func (s *Signers) pgpKeys() (pgpKeys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read(&s.pgp, s.PGPFile, parseKeyring)
}

// skew is by how much a signer's clock may be ahead of ours.
const skew = time.Hour

func (s *Signers) verifyPGP(payload []byte, signature string) (string, error) {
	if strings.Count(signature, "-----BEGIN ") != 1 {
		return "", fmt.Errorf("%w: there is more than one", ErrMalformed)
	}
	if s.PGPFile == "" {
		return "", fmt.Errorf("%w: no signers are known for OpenPGP", ErrStranger)
	}
	keys, err := s.pgpKeys()
	if err != nil {
		return "", err
	}
	config := &packet.Config{Time: func() time.Time { return time.Now().Add(skew) }}
	signer, err := openpgp.CheckArmoredDetachedSignature(keys, bytes.NewReader(payload), strings.NewReader(signature), config)
	var bad pgperrors.SignatureError
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", ErrStranger
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrKeyRevoked):
		return "", fmt.Errorf("%w: %w", ErrStranger, err)
	case errors.As(err, &bad), errors.Is(err, pgperrors.ErrSignatureExpired):
		return "", fmt.Errorf("%w: %w", ErrBad, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if id := signer.PrimaryIdentity(); id != nil {
		return id.Name, nil
	}
	return signer.PrimaryKey.KeyIdString(), nil
}

// parseKeyring reads all armored blocks of a file, as `gpg --export --armor`
// writes one and people put several below each other.
func parseKeyring(content []byte) (pgpKeys, error) {
	var keys pgpKeys
	r := bytes.NewReader(content)
	for {
		block, err := armor.Decode(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if block.Type != openpgp.PublicKeyType {
			return nil, fmt.Errorf("it holds a %s, where only public keys belong", strings.ToLower(block.Type))
		}
		more, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no armored public key")
	}
	return keys, nil
}
