package storetest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/watchbill/watchbill/stores"
)

// PlainPut writes the files of a folder as the SDK does it with nothing of ours:
// one PutObject after the other. Uploads are measured against it.
func PlainPut(ctx context.Context, c stores.Config, dir string) (bytes int64, err error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return 0, err
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle, o.Region = aws.String("http://"+c.Endpoint), true, "us-east-1"
	})
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		bytes += info.Size()
		_, err = client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &c.Bucket, Key: aws.String(filepath.ToSlash(key)), Body: file, ContentLength: aws.Int64(info.Size()),
		})
		return err
	})
	return bytes, err
}
