package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names and ports of what answers from the bucket.
const (
	ThanosQuery = "thanos-query"
	ThanosStore = "thanos-store"
	QueryPort   = 9090
)

// Matrix asks a pod for the raw samples of a range selector, such as up[5m], as
// of a time. Of Thanos Query, dedup says whether replicas count as one.
func (s *Stack) Matrix(ctx context.Context, pod string, port int, selector string, at time.Time, dedup bool) (model.Matrix, error) {
	var answer struct {
		Data struct{ Result model.Matrix }
	}
	err := s.GetJSON(ctx, &answer, pod, port, "api/v1/query", "query", selector,
		"time", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64),
		"dedup", strconv.FormatBool(dedup), "partial_response", "false")
	return answer.Data.Result, err
}

// AwaitGone waits until there is no such pod any more, not even one that is ending.
func (s *Stack) AwaitGone(ctx context.Context, pod string) error {
	return s.Until(ctx, pod+" to be gone", func(ctx context.Context) error {
		_, err := s.Client.CoreV1().Pods(s.Namespace).Get(ctx, pod, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
}

// AskQuery asks Thanos Query as Matrix does, whichever of its pods is first.
func (s *Stack) AskQuery(ctx context.Context, selector string, at time.Time, dedup bool) (model.Matrix, error) {
	pods, err := s.Pods(ctx, ThanosQuery)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("there is no pod of %s", ThanosQuery)
	}
	return s.Matrix(ctx, pods[0].Name, QueryPort, selector, at, dedup)
}

// ObjectStoreAddress is where the S3 server is in the cluster's network, host and port.
func (s *Stack) ObjectStoreAddress(ctx context.Context) (string, error) {
	service, err := s.Client.CoreV1().Services(ObjectStoreNamespace).Get(ctx, "versitygw", metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("find the S3 server: %w", err)
	}
	return net.JoinHostPort(service.Spec.ClusterIP, "7070"), nil
}
