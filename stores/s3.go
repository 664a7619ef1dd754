package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Bucket is a bucket of an S3 server. It tries pages of listings and parts of
// uploads again itself, for they are what an operation should not begin anew for.
type s3Bucket struct {
	client     *s3.Client
	bucket     string
	encryption Encryption
	backoff    Backoff
	logger     *slog.Logger
	single     int64 // the largest object that is not written in parts
}

func (b *s3Bucket) String() string { return "s3://" + b.bucket }

func (b *s3Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		input := &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		last := ""
		for {
			page, err := b.page(ctx, input)
			if err != nil {
				yield(Object{}, fmt.Errorf("listing %s: %w", b.at(prefix), err))
				return
			}
			for _, o := range page.objects {
				if o.Key <= last || !strings.HasPrefix(o.Key, prefix) {
					yield(Object{}, fmt.Errorf("listing %s: the server gives %q out of order", b.at(prefix), o.Key))
					return
				}
				last = o.Key
				if !yield(o, nil) {
					return
				}
			}
			if page.next == nil {
				return
			}
			input.ContinuationToken = page.next
		}
	}
}

type page struct {
	objects []Object
	next    *string
}

func (b *s3Bucket) page(ctx context.Context, input *s3.ListObjectsV2Input) (p page, err error) {
	err = b.backoff.do(ctx, b.logger, "list", func() error {
		output, err := b.client.ListObjectsV2(ctx, input)
		if err != nil {
			return classify(err)
		}
		p, err = readPage(output, input.ContinuationToken)
		return err
	})
	return p, err
}

// readPage believes a page only if it is complete: what a cut listing lacks would be taken for deleted.
func readPage(output *s3.ListObjectsV2Output, token *string) (page, error) {
	if output.IsTruncated == nil || output.KeyCount == nil || int(*output.KeyCount) != len(output.Contents) {
		return page{}, errors.New("the server's answer is incomplete")
	}
	var p page
	if *output.IsTruncated {
		if p.next = output.NextContinuationToken; p.next == nil || token != nil && *p.next == *token {
			return page{}, errors.New("the server's answer does not say how to go on")
		}
	}
	for _, content := range output.Contents {
		key := aws.ToString(content.Key)
		if output.EncodingType == types.EncodingTypeUrl {
			var err error
			if key, err = url.QueryUnescape(key); err != nil {
				return page{}, fmt.Errorf("the server's answer has a broken key: %w", err)
			}
		}
		if key == "" || content.Size == nil || *content.Size < 0 || content.LastModified == nil {
			return page{}, fmt.Errorf("the server's answer lacks what %q is", key)
		}
		p.objects = append(p.objects, Object{Key: key, Size: *content.Size, Modified: *content.LastModified, ETag: aws.ToString(content.ETag)})
	}
	return p, nil
}

func (b *s3Bucket) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	output, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		return nil, Object{}, fmt.Errorf("reading %s: %w", b.at(key), classify(err))
	}
	if output.ContentLength == nil || *output.ContentLength < 0 {
		output.Body.Close()
		return nil, Object{}, fmt.Errorf("reading %s: the server does not say how long it is", b.at(key))
	}
	o := Object{Key: key, Size: *output.ContentLength, Modified: aws.ToTime(output.LastModified), ETag: aws.ToString(output.ETag)}
	return &wholeBody{output.Body, b.at(key), o.Size}, o, nil
}

// wholeBody does not end before it is whole.
type wholeBody struct {
	io.ReadCloser
	name string
	left int64
}

func (w *wholeBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.left -= int64(n)
	switch {
	case w.left < 0:
		return n, fmt.Errorf("reading %s: it is longer than the server said", w.name)
	case err == io.EOF && w.left > 0, errors.Is(err, io.ErrUnexpectedEOF):
		return n, fmt.Errorf("reading %s: cut with %d bytes missing", w.name, w.left)
	case err != nil && err != io.EOF:
		return n, fmt.Errorf("reading %s: %w", w.name, err)
	}
	return n, err
}

func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: &key})
	if err = classify(err); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("deleting %s: %w", b.at(key), err)
	}
	return nil
}

func (b *s3Bucket) at(key string) string { return b.String() + "/" + key }
