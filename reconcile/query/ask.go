package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/watchbill/watchbill/validate/live"
)

// reply is what every answer of the API is.
type reply struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
}

// ask puts a question and returns the data of its answer. What the server refuses
// is a [*live.Refusal]; any other error names the address.
func (c *Client) ask(ctx context.Context, path string, form url.Values) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	data, again, err := c.try(ctx, path, form)
	if again && wait(ctx, c.options.RetryAfter) {
		data, _, err = c.try(ctx, path, form)
	}
	var refusal *live.Refusal
	if err != nil && !errors.As(err, &refusal) {
		return nil, fmt.Errorf("ask %s: %w", c.Address(), err)
	}
	return data, err
}

// try asks once; again says that a second time may help.
func (c *Client) try(ctx context.Context, path string, form url.Values) (data json.RawMessage, again bool, err error) {
	response, err := c.post(ctx, path, form)
	if err != nil {
		return nil, false, c.plain(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.options.MaxBytes+1))
	if err != nil {
		return nil, false, c.plain(ctx, err)
	}
	if int64(len(body)) > c.options.MaxBytes {
		return nil, false, &live.Refusal{Kind: "too_large", Message: fmt.Sprintf("the answer is larger than %d bytes", c.options.MaxBytes)}
	}
	var r reply
	if json.Unmarshal(body, &r) != nil || r.Status == "" {
		return nil, response.StatusCode >= 500, said(response)
	}
	if r.Status == "success" {
		return r.Data, false, nil
	}
	switch r.ErrorType {
	case "bad_data", "execution", "timeout", "canceled", "too_large":
		return nil, false, &live.Refusal{Kind: r.ErrorType, Message: oneLine(r.Error)}
	}
	return nil, response.StatusCode >= 500, fmt.Errorf("%s: %s", response.Status, oneLine(r.Error))
}

// post sends a question in a form, as selectors are long; a server that takes
// none, and what only knows GET, gets it in the address.
func (c *Client) post(ctx context.Context, path string, form url.Values) (*http.Response, error) {
	if strings.HasPrefix(path, "/api/v1/label/") {
		return c.send(ctx, http.MethodGet, path, form)
	}
	response, err := c.send(ctx, http.MethodPost, path, form)
	if err == nil && (response.StatusCode == http.StatusMethodNotAllowed || response.StatusCode == http.StatusNotImplemented) {
		response.Body.Close()
		return c.send(ctx, http.MethodGet, path, form)
	}
	return response, err
}

func (c *Client) send(ctx context.Context, method, path string, form url.Values) (*http.Response, error) {
	address, body := c.base.String()+path, io.Reader(nil)
	if method == http.MethodGet {
		address += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Accept", "application/json")
	if err := c.authorize(request); err != nil {
		return nil, err
	}
	return c.http.Do(request)
}

// plain is an error without the address that Go puts into it, with its queries.
func (c *Client) plain(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// said is what a server that does not speak the API says.
func said(response *http.Response) error {
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%s; is a token needed, or another one?", response.Status)
	case code >= 300 && code < 400:
		return fmt.Errorf("%s to another address; give that one", response.Status)
	case code == http.StatusOK:
		return errors.New("what answers is no Prometheus query API")
	}
	return errors.New(response.Status)
}

// maxMessage is how much is kept of what a server says.
const maxMessage = 500

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}
