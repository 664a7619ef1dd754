package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh/knownhosts"
)

// kindOf finds the kind of an error of go-git, of the network or of the disk.
func kindOf(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout
	}
	var known *kindError
	if errors.As(err, &known) {
		return known.kind
	}
	// go-git's two wrappers do not unwrap.
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) {
		return kindOf(unexpected.Err)
	}
	var permanent *plumbing.PermanentError
	if errors.As(err, &permanent) {
		return kindOf(permanent.Err)
	}
	for _, find := range []func(error) error{gitKind, httpKind, secureKind, networkKind} {
		if kind := find(err); kind != nil {
			return kind
		}
	}
	return nil
}

func gitKind(err error) error {
	var data *packp.ErrUnexpectedData
	switch {
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return ErrCredential
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return ErrRepository
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return ErrEmpty
	case errors.As(err, &data), errors.Is(err, pktline.ErrInvalidPktLen), errors.Is(err, packp.ErrEmptyInput):
		return ErrProtocol
	}
	return nil
}

func httpKind(err error) error {
	var status *githttp.Err
	if !errors.As(err, &status) {
		return nil
	}
	switch code := status.StatusCode(); {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return ErrServer
	case code == http.StatusGone:
		return ErrRepository
	}
	return ErrProtocol
}

func secureKind(err error) error {
	var (
		key       *knownhosts.KeyError
		revoked   *knownhosts.RevokedError
		cert      *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &key), errors.As(err, &revoked):
		return ErrHostKey
	case errors.As(err, &cert), errors.As(err, &authority):
		return ErrCertificate
	}
	return nil
}

func networkKind(err error) error {
	var network net.Error
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path), errors.As(err, &link):
		return ErrDisk
	case errors.As(err, &network) && network.Timeout():
		return ErrTimeout
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrUnreachable
	}
	return nil
}
