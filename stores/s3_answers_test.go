package stores_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

// answering opens a bucket of a server that has one answer for everything.
func answering(t *testing.T, c stores.Config, handle http.HandlerFunc) stores.Bucket {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	c.Bucket, c.Endpoint, c.Insecure = "b", strings.TrimPrefix(server.URL, "http://"), true
	return storetest.Open(t, c)
}

const listing = `<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>%s%s</ListBucketResult>`

func entry(key string) string {
	return "<Contents><Key>" + key + "</Key><LastModified>2026-03-01T00:00:00Z</LastModified><ETag>&quot;x&quot;</ETag><Size>1</Size></Contents>"
}

// TestListings: one that may be incomplete is none.
func TestListings(t *testing.T) {
	whole := fmt.Sprintf(listing, entry("a"), entry("b"))
	for name, c := range map[string]struct {
		answer string
		want   []string
		err    string
	}{
		"whole":                        {whole, []string{"a", "b"}, ""},
		"encoded":                      {fmt.Sprintf(listing, "<EncodingType>url</EncodingType>"+entry("a+b%2Bc%C3%A4"), entry("b")), []string{"a b+cä", "b"}, ""},
		"cut within":                   {whole[:200], nil, ""},
		"cut after the first":          {whole[:strings.LastIndex(whole, "<Contents>")], nil, ""},
		"an entry missing":             {fmt.Sprintf(listing, entry("a"), ""), nil, "incomplete"},
		"not said whether it goes on":  {strings.Replace(whole, "<IsTruncated>false</IsTruncated>", "", 1), nil, "incomplete"},
		"not said how many":            {strings.Replace(whole, "<KeyCount>2</KeyCount>", "", 1), nil, "incomplete"},
		"not said how it goes on":      {strings.Replace(whole, "false", "true", 1), nil, "how to go on"},
		"goes on at the same place":    {strings.Replace(whole, "false</IsTruncated>", "true</IsTruncated><NextContinuationToken>x</NextContinuationToken>", 1), nil, "how to go on"},
		"not sorted":                   {fmt.Sprintf(listing, entry("b"), entry("a")), nil, "out of order"},
		"a key twice":                  {fmt.Sprintf(listing, entry("a"), entry("a")), nil, "out of order"},
		"a size below zero":            {strings.Replace(whole, "<Size>1<", "<Size>-1<", 1), nil, "lacks"},
		"no size":                      {strings.Replace(whole, "<Size>1</Size>", "", 1), nil, "lacks"},
		"a key that is broken encoded": {fmt.Sprintf(listing, "<EncodingType>url</EncodingType>"+entry("%zz"), entry("b")), nil, "broken key"},
		"not XML":                      {"fine!", nil, ""},
		"nothing":                      {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := answering(t, stores.Config{Lookup: stores.LookupPath}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.answer) })
			var keys []string
			var err error
			for o, e := range b.List(t.Context(), "") {
				if err = e; e == nil {
					keys = append(keys, o.Key)
				}
			}
			if c.want != nil {
				if diff := cmp.Diff(c.want, keys); diff != "" || err != nil {
					t.Errorf("%v, %s", err, diff)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "listing s3://b/") {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}

// TestBodies: what is not as long as the server said is an error, also when it is too large to be asked for again.
func TestBodies(t *testing.T) {
	for name, length := range map[string]int{"small": 100, "large": 2 << 20} {
		t.Run(name, func(t *testing.T) {
			b := answering(t, stores.Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(length))
				_, _ = w.Write(make([]byte, length/2))
			})
			body, _, err := b.Get(t.Context(), "k")
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("reading s3://b/k: cut with %d bytes missing", length/2)) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("no length", func(t *testing.T) {
		b := answering(t, stores.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		})
		if _, _, err := b.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "does not say how long") {
			t.Errorf("%v", err)
		}
	})
}

// TestAnswers: which of our errors a server's error is, and whether it is asked again.
func TestAnswers(t *testing.T) {
	const quick = 8 // attempts
	for name, c := range map[string]struct {
		status int
		code   string
		want   error
		tries  int
	}{
		"denied":                {403, "AccessDenied", stores.ErrDenied, 1},
		"forbidden, no code":    {403, "", stores.ErrDenied, 1},
		"a code that is new":    {403, "AllAccessDisabled", stores.ErrDenied, 1},
		"not found":             {404, "NoSuchKey", stores.ErrNotFound, 1},
		"no bucket":             {404, "NoSuchBucket", stores.ErrNoBucket, 1},
		"another region":        {301, "PermanentRedirect", stores.ErrNoBucket, 1},
		"another region, again": {400, "AuthorizationHeaderMalformed", stores.ErrDenied, 1},
		"the clock":             {403, "RequestTimeTooSkewed", stores.ErrDenied, 1},
		"a bad request":         {400, "InvalidRequest", nil, 1},
		"not implemented":       {501, "NotImplemented", nil, 1},
		"precondition":          {412, "PreconditionFailed", stores.ErrPrecondition, 1},
		"a write meanwhile":     {409, "ConditionalRequestConflict", nil, quick},
		"slow down":             {503, "SlowDown", nil, quick},
		"too many":              {429, "", nil, quick},
		"hurt on the way":       {400, "BadDigest", nil, quick},
		"credentials too old":   {400, "ExpiredToken", nil, quick},
		"an error inside":       {500, "InternalError", nil, quick},
		"a gateway":             {502, "", nil, quick},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			b := answering(t, stores.Config{Lookup: stores.LookupPath}, func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.WriteHeader(c.status)
				if c.code != "" {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>in its own words</Message></Error>", c.code)
				}
			})
			_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, stores.Condition{})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			for _, other := range []error{stores.ErrDenied, stores.ErrNoBucket, stores.ErrNotFound, stores.ErrPrecondition} {
				if !errors.Is(c.want, other) && errors.Is(err, other) {
					t.Errorf("%v is %v too", err, other)
				}
			}
			if c.code != "" && !strings.Contains(err.Error(), c.code+` "in its own words"`) {
				t.Errorf("%v does not say what the server said", err)
			}
			if int(tries.Load()) != c.tries {
				t.Errorf("%d attempts, want %d", tries.Load(), c.tries)
			}
		})
	}
}

// TestRequests: where the bucket's name stands, and what an upload asks for.
func TestRequests(t *testing.T) {
	kms := stores.Encryption{Type: "SSE-KMS", KMSKey: "alias/metrics", KMSContext: map[string]string{"team": "infra"}}
	for name, c := range map[string]struct {
		config stores.Config
		size   int64
		path   string
		header map[string]string
	}{
		"path":           {stores.Config{Lookup: stores.LookupPath}, 1, "/b/k", map[string]string{"X-Amz-Server-Side-Encryption": ""}},
		"auto":           {stores.Config{Lookup: stores.LookupAuto, Prefix: "p"}, 1, "/b/p/k", nil},
		"SSE-S3":         {stores.Config{Lookup: stores.LookupPath, Encryption: stores.Encryption{Type: "SSE-S3"}}, 1, "/b/k", map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}},
		"SSE-KMS":        {stores.Config{Encryption: kms}, 1, "/b/k", kmsHeaders},
		"SSE-KMS, parts": {stores.Config{Encryption: kms}, 17 << 20, "/b/k", kmsHeaders},
		"region":         {stores.Config{Region: "eu-west-1"}, 1, "/b/k", map[string]string{"Authorization": "/eu-west-1/s3/aws4_request"}},
		"no region":      {stores.Config{}, 1, "/b/k", map[string]string{"Authorization": "/us-east-1/s3/aws4_request"}},
	} {
		t.Run(name, func(t *testing.T) {
			var first atomic.Pointer[http.Request]
			b := answering(t, c.config, func(w http.ResponseWriter, r *http.Request) {
				first.CompareAndSwap(nil, r)
				w.Header().Set("ETag", `"x"`)
				w.WriteHeader(http.StatusForbidden)
			})
			_, _ = b.Put(t.Context(), "k", storetest.Pattern(0), c.size, stores.Condition{})
			r := first.Load()
			if r.URL.Path != c.path {
				t.Errorf("path %s, want %s", r.URL.Path, c.path)
			}
			for header, want := range c.header {
				if got := r.Header.Get(header); got != want && (want == "" || !strings.Contains(got, want)) {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}

var kmsHeaders = map[string]string{
	"X-Amz-Server-Side-Encryption":                "aws:kms",
	"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/metrics",
	"X-Amz-Server-Side-Encryption-Context":        "eyJ0ZWFtIjoiaW5mcmEifQ==",
}

// TestLostCompletion: servers that forget an upload once it is done, or look at
// the condition first, refuse to complete it again after a lost answer.
func TestLostCompletion(t *testing.T) {
	for _, again := range []string{"NoSuchUpload", "PreconditionFailed"} {
		for name, c := range map[string]struct {
			etag string // of what is there
			fine bool
		}{
			"ours":      {"", true},
			"another's": {`"0123456789abcdef0123456789abcdef"`, false},
		} {
			t.Run(again+" "+name, func(t *testing.T) {
				part, etag := `"d41d8cd98f00b204e9800998ecf8427e"`, c.etag
				if c.fine {
					etag = joinedETag(part, part)
				}
				var completions atomic.Int32
				b := answering(t, stores.Config{Lookup: stores.LookupPath}, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					switch {
					case storetest.IsComplete(r) && completions.Add(1) == 1:
						panic(http.ErrAbortHandler)
					case storetest.IsComplete(r):
						w.WriteHeader(http.StatusPreconditionFailed)
						fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", again)
					case r.Method == http.MethodPost:
						_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
					case storetest.IsPart(r):
						w.Header().Set("ETag", part)
					case storetest.IsGet(r):
						w.Header().Set("ETag", etag)
						w.Header().Set("Content-Length", fmt.Sprint(17<<20))
						_ = http.NewResponseController(w).Flush()
						panic(http.ErrAbortHandler)
					}
				})
				o, err := b.Put(t.Context(), "k", storetest.Pattern(0), 17<<20, stores.Condition{Absent: true})
				if (err == nil) != c.fine || c.fine && o.ETag != etag {
					t.Errorf("%v, %+v, fine should be %v", err, o, c.fine)
				}
				if c.fine && completions.Load() != 2 {
					t.Errorf("%d completions: it was written again", completions.Load())
				}
			})
		}
	}
}

// joinedETag is as S3 makes it of the parts' own.
func joinedETag(parts ...string) string {
	var sums []byte
	for _, p := range parts {
		sum, _ := hex.DecodeString(strings.Trim(p, `"`))
		sums = append(sums, sum...)
	}
	return fmt.Sprintf(`"%x-%d"`, md5.Sum(sums), len(parts))
}
