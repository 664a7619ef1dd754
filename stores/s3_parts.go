package stores

import (
	"context"
	"crypto/md5" // as S3 makes its ETags
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	partSize = 16 << 20
	maxParts = 10_000
	uploads  = 4 // parts of one object at the same time
)

// putParts writes an object in parts, which become one when all are there.
func (b *s3Bucket) putParts(ctx context.Context, key string, from *source, when Condition) (string, error) {
	upload := &s3.CompleteMultipartUploadInput{Bucket: &b.bucket, Key: &key, IfNoneMatch: when.ifNoneMatch(), IfMatch: when.ifMatch()}
	if err := b.begin(ctx, upload); err != nil {
		return "", err
	}
	parts, err := b.sendParts(ctx, upload, from)
	if err != nil {
		b.abort(ctx, upload)
		return "", err
	}
	upload.MultipartUpload = &types.CompletedMultipartUpload{Parts: parts}
	etag, err := b.complete(ctx, upload, from.size)
	if err != nil {
		b.abort(ctx, upload)
	}
	return etag, err
}

func (b *s3Bucket) begin(ctx context.Context, upload *s3.CompleteMultipartUploadInput) error {
	sse, kmsKey, kmsContext := b.encryption.headers()
	return b.backoff.do(ctx, b.logger, "begin upload", func() error {
		output, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &b.bucket, Key: upload.Key,
			ServerSideEncryption: sse, SSEKMSKeyId: kmsKey, SSEKMSEncryptionContext: kmsContext,
		})
		if err != nil {
			return classify(err)
		}
		upload.UploadId = output.UploadId
		return nil
	})
}

// sendParts reads each part from where it lies in the body, so nothing is held in memory.
func (b *s3Bucket) sendParts(ctx context.Context, upload *s3.CompleteMultipartUploadInput, from *source) ([]types.CompletedPart, error) {
	each := max(int64(partSize), (from.size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (from.size+each-1)/each)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for i := range parts {
		offset := int64(i) * each
		length := min(each, from.size-offset)
		group.Go(func() error {
			number := int32(i + 1)
			return b.backoff.do(ctx, b.logger, "upload part", func() error {
				output, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
					Bucket: &b.bucket, Key: upload.Key, UploadId: upload.UploadId, PartNumber: &number,
					ContentLength: &length, Body: io.NewSectionReader(from, offset, length),
				})
				if err != nil && from.failure() != nil {
					return finalError{from.failure()}
				} else if err != nil {
					return classify(err)
				}
				parts[i] = types.CompletedPart{ETag: output.ETag, PartNumber: &number}
				return nil
			})
		})
	}
	return parts, group.Wait()
}

// errUploadGone may pass: the whole object is then written again.
var errUploadGone = errors.New("the server does not know the upload any more")

// complete makes the parts one object. When an answer was lost, the upload may
// be gone because it is done: then the object has the ETag that comes of the parts.
func (b *s3Bucket) complete(ctx context.Context, upload *s3.CompleteMultipartUploadInput, size int64) (etag string, err error) {
	lost := false
	err = b.backoff.do(ctx, b.logger, "complete upload", func() error {
		output, err := b.client.CompleteMultipartUpload(ctx, upload)
		if err == nil {
			etag = aws.ToString(output.ETag)
			return nil
		}
		if hasCode(err, "NoSuchUpload") {
			return finalError{errUploadGone}
		}
		err = classify(err)
		lost = lost || !final(err)
		return err
	})
	gone := errors.Is(err, errUploadGone)
	if gone || lost && errors.Is(err, ErrPrecondition) {
		if want := etagOf(upload.MultipartUpload.Parts); b.holds(ctx, *upload.Key, size, want) {
			return want, nil
		}
	}
	if gone {
		return "", errUploadGone
	}
	return etag, err
}

func (b *s3Bucket) holds(ctx context.Context, key string, size int64, etag string) bool {
	var o Object
	err := b.backoff.do(ctx, b.logger, "get", func() error {
		body, found, err := b.Get(ctx, key)
		if err == nil {
			o = found
			body.Close()
		}
		return err
	})
	return err == nil && etag != "" && o.Size == size && o.ETag == etag
}

// etagOf is what S3 makes of the parts' ETags, or nothing where those are no MD5 sums.
func etagOf(parts []types.CompletedPart) string {
	var sums []byte
	for _, p := range parts {
		sum, err := hex.DecodeString(strings.Trim(aws.ToString(p.ETag), `"`))
		if err != nil || len(sum) != md5.Size {
			return ""
		}
		sums = append(sums, sum...)
	}
	whole := md5.Sum(sums)
	return fmt.Sprintf(`"%x-%d"`, whole, len(parts))
}

// abort lets the server forget the parts, also when the context has ended. What
// it cannot be told, it keeps: a bucket's lifecycle rule for unfinished uploads clears that up.
func (b *s3Bucket) abort(ctx context.Context, upload *s3.CompleteMultipartUploadInput) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := b.backoff.do(ctx, b.logger, "abort upload", func() error {
		_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: upload.Bucket, Key: upload.Key, UploadId: upload.UploadId})
		if hasCode(err, "NoSuchUpload") {
			return nil
		}
		return classify(err)
	})
	if err != nil {
		b.logger.WarnContext(ctx, "an unfinished upload stays in the bucket", "object", b.at(*upload.Key), "err", err)
	}
}
