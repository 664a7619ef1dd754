package github

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	gh "github.com/google/go-github/v92/github"
	"go.uber.org/goleak"
)

const (
	sha   = "0123456789abcdef0123456789abcdef01234567"
	other = "fedcba9876543210fedcba9876543210fedcba98"
	token = "planted-token-value"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := CloseJudge(); err != nil {
		panic(err)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// client is GitHub's usual Go client, with a credential.
func client(t *testing.T, s *Server, credential string) *gh.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := gh.NewClient(gh.WithHTTPClient(&http.Client{Transport: bearer{credential, transport}}), gh.WithURLs(&s.URL, &s.URL))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type bearer struct {
	credential string
	next       http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.credential != "" {
		r.Header.Set("Authorization", "Bearer "+b.credential)
	}
	return b.next.RoundTrip(r)
}

// key is an App's; making one takes long.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// sign makes a JSON web token of an App's.
func sign(t *testing.T, id string, issued time.Time, valid time.Duration) string {
	t.Helper()
	part := func(value any) string {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(object{"alg": "RS256", "typ": "JWT"}) + "." + part(object{"iss": id, "iat": issued.Unix(), "exp": issued.Add(valid).Unix()})
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// installed is a client with an installation's token.
func installed(t *testing.T, s *Server) *gh.Client {
	t.Helper()
	s.App(App{ID: 7, Key: &key().PublicKey})
	app := client(t, s, sign(t, "7", s.now().Add(-time.Minute), 5*time.Minute))
	at, _, err := app.Apps.GetRepositoryInstallation(t.Context(), "example", "monitoring")
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := app.Apps.CreateInstallationToken(t.Context(), at.GetID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return client(t, s, made.GetToken())
}

// Everything that the stub answers is what GitHub's description says, and what the client reads from it.
func TestEveryOperationIsAsDescribed(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	r.SetBranch("main", other)
	r.SetPull(Pull{Number: 7, Head: sha, Mergeable: new(true), MergeCommit: other})
	r.SetPull(Pull{Number: 8, Head: sha, Fork: "somebody/monitoring", Mergeable: new(false)})
	r.SetPull(Pull{Number: 9, Head: sha, Merged: true})
	r.SetPull(Pull{Number: 10, Head: sha})
	s.AllowToken(token, nil)
	ctx := t.Context()
	c, app := client(t, s, token), installed(t, s)
	signed := client(t, s, sign(t, "7", time.Now().Add(-time.Minute), 5*time.Minute))

	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err := c.Users.Get(ctx, "")
	must("user", err)
	_, _, err = signed.Apps.Get(ctx, "")
	must("app", err)
	_, _, err = c.RateLimit.Get(ctx)
	must("rate limit", err)
	_, _, err = c.Repositories.Get(ctx, "example", "monitoring")
	must("repo", err)
	_, _, err = c.Repositories.GetCommit(ctx, "example", "monitoring", sha, nil)
	must("commit", err)
	_, _, err = c.Git.GetCommit(ctx, "example", "monitoring", sha)
	must("git commit", err)
	ref, _, err := c.Git.GetRef(ctx, "example", "monitoring", "heads/main")
	must("ref", err)
	if ref.GetObject().GetSHA() != other {
		t.Errorf("ref %v", ref)
	}
	for _, state := range []string{"pending", "success"} {
		_, _, err = c.Repositories.CreateStatus(ctx, "example", "monitoring", sha, gh.RepoStatus{State: &state, Context: new("watchbill/validate"), Description: new("text")})
		must("status", err)
	}
	combined, _, err := c.Repositories.GetCombinedStatus(ctx, "example", "monitoring", sha, nil)
	must("combined status", err)
	if combined.GetState() != "success" || combined.GetTotalCount() != 1 || combined.Statuses[0].GetContext() != "watchbill/validate" {
		t.Errorf("combined %v", combined)
	}
	statuses, _, err := c.Repositories.ListStatuses(ctx, "example", "monitoring", sha, nil)
	must("statuses", err)
	if len(statuses) != 2 || statuses[0].GetState() != "success" {
		t.Errorf("statuses %v", statuses)
	}
	pulls, _, err := c.PullRequests.List(ctx, "example", "monitoring", &gh.PullRequestListOptions{Base: "main"})
	must("pulls", err)
	if len(pulls) != 3 || pulls[1].GetHead().GetRepo().GetFullName() != "somebody/monitoring" || pulls[2].GetHead().GetRepo().GetFullName() != "example/monitoring" {
		t.Errorf("pulls %v", pulls)
	}
	for number, mergeable := range map[int]*bool{7: new(true), 8: new(false), 9: nil, 10: nil} {
		p, _, err := c.PullRequests.Get(ctx, "example", "monitoring", number)
		must("pull", err)
		if (p.Mergeable == nil) != (mergeable == nil) || p.GetMergeable() != (mergeable != nil && *mergeable) || p.GetHead().GetSHA() != sha || p.GetMerged() != (number == 9) {
			t.Errorf("pull %v", p)
		}
	}
	made, _, err := app.Issues.CreateComment(ctx, "example", "monitoring", 7, gh.IssueCommentRequest{Body: "first"})
	must("comment", err)
	_, _, err = app.Issues.UpdateComment(ctx, "example", "monitoring", made.GetID(), gh.IssueCommentRequest{Body: "second"})
	must("update comment", err)
	_, _, err = app.Issues.GetComment(ctx, "example", "monitoring", made.GetID())
	must("get comment", err)
	comments, _, err := app.Issues.ListComments(ctx, "example", "monitoring", 7, nil)
	must("comments", err)
	if len(comments) != 1 || comments[0].GetBody() != "second" || comments[0].GetUser().GetLogin() != "watchbill[bot]" {
		t.Errorf("comments %v", comments)
	}
	_, err = app.Issues.DeleteComment(ctx, "example", "monitoring", made.GetID())
	must("delete comment", err)
	testChecks(ctx, t, app, must)
	testDeployments(ctx, t, app, must)
}

func testChecks(ctx context.Context, t *testing.T, app *gh.Client, must func(string, error)) {
	note := func(line int) *gh.CheckRunAnnotation {
		return &gh.CheckRunAnnotation{Path: new("rules.yaml"), StartLine: &line, EndLine: &line, AnnotationLevel: new("failure"), Message: new("no")}
	}
	run, _, err := app.Checks.CreateCheckRun(ctx, "example", "monitoring", gh.CreateCheckRunOptions{Name: "watchbill/validate", HeadSHA: sha, Status: new("in_progress")})
	must("check run", err)
	output := &gh.CheckRunOutput{Title: new("title"), Summary: new("summary"), Annotations: []*gh.CheckRunAnnotation{note(1)}}
	_, _, err = app.Checks.UpdateCheckRun(ctx, "example", "monitoring", run.GetID(), gh.UpdateCheckRunOptions{Name: "watchbill/validate", Output: output})
	must("update check run", err)
	output.Annotations = []*gh.CheckRunAnnotation{note(2)}
	_, _, err = app.Checks.UpdateCheckRun(ctx, "example", "monitoring", run.GetID(), gh.UpdateCheckRunOptions{Name: "watchbill/validate", Conclusion: new("failure"), Output: output})
	must("update check run", err)
	run, _, err = app.Checks.GetCheckRun(ctx, "example", "monitoring", run.GetID())
	must("get check run", err)
	if run.GetStatus() != "completed" || run.GetConclusion() != "failure" || run.GetOutput().GetAnnotationsCount() != 2 {
		t.Errorf("check run %v", run)
	}
	notes, _, err := app.Checks.ListCheckRunAnnotations(ctx, "example", "monitoring", run.GetID(), nil)
	must("annotations", err)
	if len(notes) != 2 || notes[1].GetStartLine() != 2 {
		t.Errorf("annotations %v", notes)
	}
	runs, _, err := app.Checks.ListCheckRunsForRef(ctx, "example", "monitoring", sha, &gh.ListCheckRunsOptions{CheckName: new("watchbill/validate")})
	must("check runs", err)
	if runs.GetTotal() != 1 {
		t.Errorf("check runs %v", runs)
	}
	_, err = app.Checks.ReRequestCheckSuite(ctx, "example", "monitoring", run.GetCheckSuite().GetID())
	must("rerequest", err)
}

func testDeployments(ctx context.Context, t *testing.T, app *gh.Client, must func(string, error)) {
	d, _, err := app.Repositories.CreateDeployment(ctx, "example", "monitoring", gh.DeploymentRequest{Ref: sha, Environment: new("prod"),
		AutoMerge: new(false), RequiredContexts: []string{}, Description: new("text")})
	must("deployment", err)
	for _, state := range []string{"in_progress", "success"} {
		_, _, err = app.Repositories.CreateDeploymentStatus(ctx, "example", "monitoring", d.GetID(), gh.DeploymentStatusRequest{State: state, Description: new("text")})
		must("deployment status", err)
	}
	_, _, err = app.Repositories.GetDeployment(ctx, "example", "monitoring", d.GetID())
	must("get deployment", err)
	all, _, err := app.Repositories.ListDeployments(ctx, "example", "monitoring", &gh.DeploymentsListOptions{SHA: sha, Environment: "prod"})
	must("deployments", err)
	statuses, _, err := app.Repositories.ListDeploymentStatuses(ctx, "example", "monitoring", d.GetID(), nil)
	must("deployment statuses", err)
	if len(all) != 1 || len(statuses) != 2 || statuses[0].GetState() != "success" {
		t.Errorf("deployments %v, statuses %v", all, statuses)
	}
}
