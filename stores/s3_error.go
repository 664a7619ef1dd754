package stores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// codes of S3's errors that mean one of ours, with what a person can do.
var codes = map[string]struct {
	kind error
	hint string
}{
	"NoSuchKey":                    {ErrNotFound, ""},
	"NotFound":                     {ErrNotFound, ""},
	"PreconditionFailed":           {ErrPrecondition, ""},
	"NoSuchBucket":                 {ErrNoBucket, "; check the bucket's name and the endpoint"},
	"InvalidBucketName":            {ErrNoBucket, "; check the bucket's name"},
	"PermanentRedirect":            {ErrNoBucket, "; set the bucket's region and its endpoint"},
	"AuthorizationHeaderMalformed": {ErrDenied, "; set the bucket's region"},
	"InvalidAccessKeyId":           {ErrDenied, "; check AWS_ACCESS_KEY_ID"},
	"XAdminUserNotFound":           {ErrDenied, "; check AWS_ACCESS_KEY_ID"}, // versitygw's
	"SignatureDoesNotMatch":        {ErrDenied, "; check AWS_SECRET_ACCESS_KEY"},
	"RequestTimeTooSkewed":         {ErrDenied, "; set this machine's clock"},
	"AccessDenied":                 {ErrDenied, rights},
}

const rights = "; give the credentials the rights to list the bucket, and to get, put and delete its objects"

// passing codes are of requests that are refused now and may be taken later.
var passing = map[string]bool{
	"BadDigest": true, "XAmzContentSHA256Mismatch": true, "IncompleteBody": true, // hurt on the way
	"ConditionalRequestConflict": true, "OperationAborted": true, // another write at the same time
	"RequestTimeout": true, "SlowDown": true, "TooManyRequests": true, "ExpiredToken": true, "InternalError": true,
}

// classify says which of our errors an error of the SDK is, if any, and whether it may pass.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var answer *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	var api smithy.APIError
	var missing *credentialsError
	if !errors.As(err, &api) || errors.As(err, &missing) {
		return classifyUnnamed(err, status)
	}
	if c, known := codes[api.ErrorCode()]; known {
		return fmt.Errorf("%w: %s%s", c.kind, said(api), c.hint)
	}
	switch {
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %s%s", ErrDenied, said(api), rights)
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && !passing[api.ErrorCode()], status == http.StatusNotImplemented:
		return finalError{fmt.Errorf("the server refuses it: %s", said(api))}
	}
	return fmt.Errorf("%s: %w", said(api), err)
}

// said is the server's own words, of which there may be many.
func said(api smithy.APIError) string {
	return fmt.Sprintf("%.60s %.200q", api.ErrorCode(), api.ErrorMessage())
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// classifyUnnamed is for answers without a code, and for no answer at all.
func classifyUnnamed(err error, status int) error {
	var missing *credentialsError
	switch {
	case errors.As(err, &missing):
		return missing.classify()
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w%s", ErrDenied, err, rights)
	}
	return err
}

// credentialsError is why there are no credentials.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// classify lets pass what a token service may do better next time. The
// instance's own service is the last that is asked: it is missing where nothing is set.
func (e *credentialsError) classify() error {
	var operation *smithy.OperationError
	var network net.Error
	var answer *smithyhttp.ResponseError
	instance := errors.As(e.error, &operation) && operation.ServiceID == "ec2imds"
	switch {
	case !instance && errors.As(e.error, &network), errors.As(e.error, &answer) && answer.HTTPStatusCode() >= 500:
		return fmt.Errorf("no credentials: %w", e.error)
	}
	return fmt.Errorf("%w: no credentials: %w; %s", ErrDenied, e.error, byEnvironment)
}

// credentials tells errors of its provider apart from those of requests.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &credentialsError{err}
	}
	return found, err
}
