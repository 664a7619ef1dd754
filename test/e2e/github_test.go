//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/test/github"
	"github.com/watchbill/watchbill/test/stack"
)

// forge stands in for GitHub: all that the daemon says to it, and all that it
// answers, is judged by GitHub's own description. It is not started on a cluster
// that is not ours.
var forge stack.GitHub

const (
	validate = "watchbill/validate"
	prodLive = "watchbill/prod"
	rules    = "teams/payments/rules/forge.yaml"
)

func needsForge(t *testing.T) {
	t.Helper()
	if forge.Server == nil {
		t.Skip("pods of a cluster that is not ours do not reach the stand-in for GitHub")
	}
}

// hook delivers a webhook that must be taken.
func hook(t *testing.T, ctx context.Context, event string, set func(map[string]any)) {
	t.Helper()
	status, answer, err := s.Hook(ctx, event, stack.HookSecret, set)
	check(t, err)
	if status != http.StatusAccepted {
		t.Fatalf("webhook %s: %d %s", event, status, answer)
	}
}

func pushed(payload map[string]any) { payload["ref"] = "refs/heads/" + stack.Branch }

func proposed(pull int) func(map[string]any) {
	return func(payload map[string]any) {
		payload["action"], payload["number"] = "synchronize", pull
		payload["pull_request"].(map[string]any)["number"] = pull
	}
}

// forgeShows waits until the forge shows something.
func forgeShows(t *testing.T, ctx context.Context, what string, ok func() error) {
	t.Helper()
	var last error
	err := forge.Await(ctx, func() bool { last = ok(); return last == nil })
	if err != nil {
		t.Fatalf("%s: %v; last: %v", what, err, last)
	}
}

func status(commit, context, state string, words ...string) func() error {
	return func() error {
		got := forge.Repository.Status(commit, context)
		if got.State != state {
			return fmt.Errorf("%s of %.8s is %q: %s", context, commit, got.State, got.Description)
		}
		for _, word := range words {
			if !strings.Contains(got.Description, word) {
				return fmt.Errorf("%s of %.8s says %q, and not %q", context, commit, got.Description, word)
			}
		}
		return nil
	}
}

// theComment waits for the one comment on a pull request to say all of these words.
func theComment(t *testing.T, ctx context.Context, pull int, words ...string) github.Comment {
	t.Helper()
	var comment github.Comment
	forgeShows(t, ctx, "the comment", func() error {
		comments := forge.Repository.Comments(pull)
		if len(comments) != 1 {
			return fmt.Errorf("there are %d comments", len(comments))
		}
		comment = comments[0]
		for _, word := range words {
			if !strings.Contains(comment.Body, word) {
				return fmt.Errorf("it does not say %q:\n%s", word, comment.Body)
			}
		}
		return nil
	})
	return comment
}

// Of several daemons any may be told by a webhook, and the one that leads hears of it.
func TestDeliveryToAStandby(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 2*time.Minute)
	scaleDaemon(t, ctx, 2)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		scaleDaemon(t, ctx, 1)
	})
	lease, err := s.Client.CoordinationV1().Leases(s.Namespace).Get(ctx, "watchbill-prod", metav1.GetOptions{})
	check(t, err)
	daemons, err := s.HookURLs(ctx)
	check(t, err)
	delete(daemons, *lease.Spec.HolderIdentity)
	if len(daemons) != 1 {
		t.Fatalf("%s leads, and these do not: %v", *lease.Spec.HolderIdentity, daemons)
	}
	calls, err := s.Client.CoreV1().ConfigMaps(s.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, reconcile.WakeName).String(),
	})
	check(t, err)
	defer calls.Stop()
	began := time.Now()
	write(t, rules, "groups:\n"+notifyRule("ForgeStandby", quiet))
	commit, err := s.Repo.Commit(ctx, "A rule that a standby is told of")
	check(t, err)
	check(t, s.Repo.Push(ctx))
	for pod, to := range daemons {
		code, answer, err := s.HookTo(ctx, to, "push", stack.HookSecret, pushed)
		check(t, err)
		if code != http.StatusAccepted {
			t.Fatalf("webhook to %s: %d %s", pod, code, answer)
		}
	}
	for change := range calls.ResultChan() {
		if cm, ok := change.Object.(*corev1.ConfigMap); ok && change.Type != watch.Deleted {
			if written, err := time.Parse(time.RFC3339Nano, cm.Data["push"]); err == nil && written.After(began) {
				break
			}
		}
	}
	check(t, ctx.Err())
	forgeShows(t, ctx, "live", status(commit, prodLive, "success"))
}

// A push, told by a webhook, is live, and its commit and its deployment say so.
func TestPushIsLiveAndSaidSo(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 2*time.Minute)
	before, err := s.Metrics(ctx)
	check(t, err)
	write(t, rules, "groups:\n"+notifyRule("ForgePush", quiet))
	commit, err := s.Repo.Commit(ctx, "A rule that is told of by a webhook")
	check(t, err)
	check(t, s.Repo.Push(ctx))
	hook(t, ctx, "push", pushed)
	forgeShows(t, ctx, "live", status(commit, prodLive, "success", "live on 2/2 Prometheus, 3/3 Alertmanager"))
	awaitLive(t, ctx, commit)
	forgeShows(t, ctx, "the deployment", func() error {
		all := forge.Repository.Deployments()
		i := slices.IndexFunc(all, func(d github.Deployment) bool { return d.Commit == commit && d.Environment == "prod" })
		if i < 0 || all[i].State() != "success" {
			return fmt.Errorf("deployments: %+v", all)
		}
		return nil
	})
	after, err := s.Metrics(ctx)
	check(t, err)
	taken := 0.0
	for name, value := range after {
		if strings.HasPrefix(name, "watchbill_webhook_deliveries_total{") && strings.Contains(name, `event="push"`) {
			taken += value - before[name]
		}
	}
	if taken == 0 {
		t.Error("no metric counts the webhook")
	}
}

// A pull request with a mistake, told by webhooks; then mended.
func TestPullRequest(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 3*time.Minute)
	pull := github.Pull{Number: 7, Title: "Page sooner", Author: "ann"}
	write(t, rules, strings.Replace("groups:\n"+notifyRule("ForgePull", quiet), quiet, "vector(1) >", 1))
	broken, err := s.Propose(ctx, &forge, pull, "Page sooner")
	check(t, err)
	hook(t, ctx, "pull_request", proposed(pull.Number))
	forgeShows(t, ctx, "the mistake", status(broken, validate, "failure", rules))
	first := theComment(t, ctx, pull.Number, rules, "rules/syntax")
	forgeShows(t, ctx, "the mistake at its line", func() error {
		for _, run := range forge.Repository.CheckRuns(broken) {
			for _, note := range run.Annotations {
				if note.Path == rules && note.StartLine == 6 && run.Conclusion == "failure" {
					return nil
				}
			}
		}
		return fmt.Errorf("check runs: %+v", forge.Repository.CheckRuns(broken))
	})

	write(t, rules, "groups:\n"+notifyRule("ForgePull", quiet))
	mended, err := s.Propose(ctx, &forge, pull, "Page sooner, as PromQL wants it")
	check(t, err)
	hook(t, ctx, "pull_request", proposed(pull.Number))
	forgeShows(t, ctx, "no mistake", status(mended, validate, "success"))
	second := theComment(t, ctx, pull.Number, "ForgePull", "✅ Valid")
	if second.ID != first.ID || second.Body == first.Body {
		t.Errorf("the comment was not updated in its place: %d, then %d", first.ID, second.ID)
	}
	if t.Failed() {
		t.Log(second.Body)
	}
}

// With every webhook lost, a pull request is answered all the same; and what the
// running stack knows is in the answer.
func TestPullRequestWithoutWebhooks(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 5*time.Minute)
	write(t, rules, "groups:\n"+notifyRule("ForgeFires", fires))
	awaitLive(t, ctx, deliver(t, ctx, "An alert that fires"))
	check(t, s.Until(ctx, "the alert to fire", func(ctx context.Context) error {
		m, err := s.AskQuery(ctx, `ALERTS{alertname="ForgeFires",alertstate="firing"}[1m]`, time.Now(), true)
		if err == nil && len(m) == 0 {
			err = errors.New("it does not fire")
		}
		return err
	}))

	write(t, rules, "groups:\n"+notifyRule("ForgeFiresNow", fires))
	edit(t, prod, "  raw: 30d\n", "  raw: 40h\n")
	head, err := s.Propose(ctx, &forge, github.Pull{Number: 8, Author: "ann"}, "Another name, and less retention")
	check(t, err)
	forgeShows(t, ctx, "the answer", status(head, validate, "success"))
	comment := theComment(t, ctx, 8, "ForgeFires", "ForgeFiresNow", "firing", "It deletes nothing of the")
	t.Log(comment.Body)

	// From a fork nothing of the running stack is told.
	write(t, rules, "groups:\n"+notifyRule("ForgeFork", fires))
	head, err = s.Propose(ctx, &forge, github.Pull{Number: 9, Author: "mallory", Fork: "mallory/monitoring"}, "From outside")
	check(t, err)
	forgeShows(t, ctx, "the answer to a fork", status(head, validate, "success"))
	comment = theComment(t, ctx, 9, "ForgeFork")
	for _, known := range []string{"It deletes", "firing since", "fired"} {
		if strings.Contains(comment.Body, known) {
			t.Errorf("a fork is told %q:\n%s", known, comment.Body)
		}
	}
}

// Forged deliveries change nothing, and a forge that is away holds nothing up:
// when it is back it hears the newest truth.
func TestForgeTrouble(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 4*time.Minute)
	for _, secret := range []string{"", "wrong"} {
		code, answer, err := s.Hook(ctx, "push", secret, pushed)
		check(t, err)
		if code != http.StatusUnauthorized && code != http.StatusForbidden {
			t.Errorf("a forged delivery is answered with %d %s", code, answer)
		}
	}
	for _, fault := range []github.Fault{github.Unauthorized, github.Unavailable, github.Forbidden} {
		forge.Fail(github.Failure{Fault: fault})
		write(t, rules, "groups:\n"+notifyRule("ForgeTrouble", "vector(1) > "+fmt.Sprint(2+len(fault))))
		commit := deliver(t, ctx, "While the forge answers "+string(fault))
		awaitLive(t, ctx, commit)
		if got := forge.Repository.Status(commit, prodLive); got.State == "success" {
			t.Errorf("%s: the status came through: %+v", fault, got)
		}
		forge.Mend()
		forgeShows(t, ctx, "the newest truth after "+string(fault), status(commit, prodLive, "success"))
	}
}

// Ten thousand deliveries, the half of them forged: the daemon stays up and
// small, and the next commit goes live.
func TestDeliveriesInABurst(t *testing.T) {
	needsForge(t)
	fromGood(t)
	ctx := within(t, 4*time.Minute)
	before, err := s.Metrics(ctx)
	check(t, err)
	const deliveries, senders = 10_000, 16
	codes := make([]map[int]int, senders)
	address, err := s.HookURL(ctx)
	check(t, err)
	body := []byte(`{"ref":"refs/heads/main","repository":{"full_name":"example/monitoring"},"padding":"` + strings.Repeat("x", 64<<10) + `"}`)
	client := &http.Client{Transport: &http.Transport{DialContext: s.Cluster.Dial, MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	group, groupCtx := errgroup.WithContext(ctx)
	for sender := range senders {
		codes[sender] = map[int]int{}
		group.Go(func() error {
			for n := range deliveries / senders {
				secret := stack.HookSecret
				if n%2 == 0 {
					secret = "forged"
				}
				code, err := post(groupCtx, client, address, secret, body)
				if err != nil {
					return err
				}
				codes[sender][code]++
			}
			return nil
		})
	}
	check(t, group.Wait())
	sum := map[int]int{}
	for _, c := range codes {
		for code, n := range c {
			sum[code] += n
		}
	}
	t.Logf("answers: %v", sum)
	if sum[http.StatusTooManyRequests] < deliveries/2 || sum[http.StatusAccepted]+sum[http.StatusUnauthorized] == 0 {
		t.Errorf("answers: %v", sum)
	}
	after, err := s.Metrics(ctx)
	check(t, err)
	const memory, most = "process_resident_memory_bytes", 64 << 20
	t.Logf("memory: %.0f MiB, then %.0f MiB", before[memory]/(1<<20), after[memory]/(1<<20))
	if before[memory] == 0 || after[memory] > before[memory]+most {
		t.Errorf("memory grew from %.0f to %.0f bytes", before[memory], after[memory])
	}
	write(t, rules, "groups:\n"+notifyRule("ForgeBurst", quiet))
	commit := deliver(t, ctx, "After the burst")
	forgeShows(t, ctx, "live", status(commit, prodLive, "success"))
}

// post gives the answer's code to one delivery of a push.
func post(ctx context.Context, client *http.Client, address, secret string, body []byte) (int, error) {
	request, err := github.Delivery(ctx, address, secret, "push", body)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
