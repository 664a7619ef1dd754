package storetest

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/watchbill/watchbill/stores"
)

// Guest gives a bucket a user who may do these actions in it and no others, such
// as s3:GetObject, and from then on the environment holds that user's keys.
func (s Server) Guest(t testing.TB, c stores.Config, actions ...string) {
	t.Helper()
	const key, secret = "guest", "guest-secret"
	admin := exec.CommandContext(t.Context(), os.Getenv(gatewayVariable), "admin", "--access", AccessKey, "--secret", SecretKey,
		"--endpoint-url", "http://"+s.Endpoint, "create-user", "--access", key, "--secret", secret, "--role", "user")
	if out, err := admin.CombinedOutput(); err != nil {
		t.Fatalf("make a user: %v: %s", err, out)
	}
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Principal": []string{key}, "Action": actions,
		"Resource": []string{"arn:aws:s3:::" + c.Bucket, "arn:aws:s3:::" + c.Bucket + "/*"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = aws.String("http://"+c.Endpoint), true
	})
	if _, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &c.Bucket, Policy: aws.String(string(policy))}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}
