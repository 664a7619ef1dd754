package stores

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (b *s3Bucket) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when Condition) (Object, error) {
	etag, err := b.put(ctx, key, &source{from: body, size: size}, when)
	if err != nil {
		return Object{}, fmt.Errorf("writing %s: %w", b.at(key), err)
	}
	return Object{Key: key, Size: size, ETag: etag}, nil
}

func (b *s3Bucket) put(ctx context.Context, key string, from *source, when Condition) (etag string, err error) {
	if err := errors.Join(CheckKey(key), when.Check()); err != nil {
		return "", finalError{err}
	}
	if from.size > b.single {
		etag, err = b.putParts(ctx, key, from, when)
	} else {
		etag, err = b.putWhole(ctx, key, from, when)
	}
	if err != nil && from.failure() != nil {
		return "", finalError{from.failure()}
	}
	// S3 does not find what should have an ETag and is not there.
	if when.ETag != "" && errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("%w: there is none", ErrPrecondition)
	}
	return etag, err
}

func (b *s3Bucket) putWhole(ctx context.Context, key string, from *source, when Condition) (string, error) {
	sse, kmsKey, kmsContext := b.encryption.headers()
	output, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.bucket, Key: &key, ContentLength: &from.size,
		Body:        io.NewSectionReader(from, 0, from.size),
		IfNoneMatch: when.ifNoneMatch(), IfMatch: when.ifMatch(),
		ServerSideEncryption: sse, SSEKMSKeyId: kmsKey, SSEKMSEncryptionContext: kmsContext,
	})
	if err != nil {
		return "", classify(err)
	}
	return aws.ToString(output.ETag), nil
}

func (c Condition) ifNoneMatch() *string {
	if !c.Absent {
		return nil
	}
	return aws.String("*")
}

func (c Condition) ifMatch() *string {
	if c.ETag == "" {
		return nil
	}
	return &c.ETag
}

func (e Encryption) headers() (sse types.ServerSideEncryption, key, kmsContext *string) {
	switch e.Type {
	case encryptS3:
		return types.ServerSideEncryptionAes256, nil, nil
	case encryptKMS:
		if len(e.KMSContext) > 0 {
			text, _ := json.Marshal(e.KMSContext) // a map of strings always can be
			kmsContext = aws.String(base64.StdEncoding.EncodeToString(text))
		}
		return types.ServerSideEncryptionAwsKms, &e.KMSKey, kmsContext
	}
	return "", nil, nil
}

// source is a body that remembers its own failure, which no attempt will mend
// and which the SDK would tell as one of the network.
type source struct {
	from io.ReaderAt
	size int64

	mu  sync.Mutex
	err error
}

func (s *source) ReadAt(p []byte, offset int64) (int, error) {
	n, err := s.from.ReadAt(p, offset)
	if err != nil && n < len(p) && offset+int64(n) < s.size {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it has %d bytes, not %d", offset+int64(n), s.size)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = fmt.Errorf("reading what is to be written: %w", err)
		}
		return n, s.err
	}
	return n, err
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
