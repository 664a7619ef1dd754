package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"regexp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// Webhook reads the deliveries of one repository's webhook. The header that
// names the event and the one that names the delivery are not signed, only the
// body is; so whoever has seen a delivery can send it again under another name.
// That is no harm: an [forge.Event] only says where to look.
type Webhook struct {
	// Secrets are what deliveries may be signed with: one, or two while one takes
	// the place of the other. It is asked at each delivery; see SecretFile.
	Secrets func() ([][]byte, error)
	// Owner and Name of the repository; what other repositories send is nothing to us.
	Owner, Name string
	// Log of deliveries that are of another repository. Default: slog.Default().
	Log *slog.Logger
}

var _ forge.Hook = (*Webhook)(nil)

const (
	signatureHeader = "X-Hub-Signature-256"
	sha1Header      = "X-Hub-Signature"
	eventHeader     = "X-Github-Event"
	deliveryHeader  = "X-Github-Delivery"
)

var (
	deliveryForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)
	eventForm    = regexp.MustCompile(`^[a-z0-9_]{1,100}$`)
)

// Event implements forge.Hook. Before the signature was found right, nothing
// else is looked at. Secrets that cannot be read are a *forge.RetryError.
func (w *Webhook) Event(header http.Header, body []byte) (forge.Event, error) {
	if err := w.verify(header, body); err != nil {
		return forge.Event{}, err
	}
	name, err := one(header, eventHeader, eventForm)
	if err != nil {
		return forge.Event{}, err
	}
	delivery, err := one(header, deliveryHeader, deliveryForm)
	if err != nil {
		return forge.Event{}, err
	}
	if err := isJSON(header.Values("Content-Type")); err != nil {
		return forge.Event{}, err
	}
	event, err := w.read(name, body)
	if err != nil {
		return forge.Event{}, fmt.Errorf("reading the payload of %s: %w", name, err)
	}
	event.Delivery = delivery
	return event, nil
}

// verify compares texts, not bytes, so that a signature has one form only.
func (w *Webhook) verify(header http.Header, body []byte) error {
	given := header.Values(signatureHeader)
	switch {
	case len(given) == 0 && len(header.Values(sha1Header)) > 0:
		return fmt.Errorf("%w: SHA-1 alone is not taken; whatever is on the way must let %s through", forge.ErrForged, signatureHeader)
	case len(given) != 1:
		return fmt.Errorf("%w: there are %d %s headers, it must be one; set a secret in the webhook's settings at GitHub", forge.ErrForged, len(given), signatureHeader)
	}
	secrets, err := w.Secrets()
	if err != nil {
		return &forge.RetryError{Err: err}
	}
	right := false
	for _, secret := range secrets {
		if len(secret) == 0 {
			continue // anyone could sign with it
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		// No early end: the time must not tell which secret it was.
		right = hmac.Equal([]byte(given[0]), []byte("sha256="+hex.EncodeToString(mac.Sum(nil)))) || right
	}
	if !right {
		return fmt.Errorf("%w: compare the secret at GitHub with ours", forge.ErrForged)
	}
	return nil
}

// one is the value of a header that there must be once.
func one(header http.Header, name string, form *regexp.Regexp) (string, error) {
	values := header.Values(name)
	if len(values) != 1 || !form.MatchString(values[0]) {
		return "", fmt.Errorf("reading a delivery: header %s must be there once, in the form that GitHub gives it", name)
	}
	return values[0], nil
}

var errContentType = errors.New(`reading a delivery: the content type is not application/json; choose "application/json" as content type in the webhook's settings at GitHub`)

func isJSON(values []string) error {
	if len(values) != 1 {
		return errContentType
	}
	if media, _, err := mime.ParseMediaType(values[0]); err != nil || media != "application/json" {
		return errContentType
	}
	return nil
}
