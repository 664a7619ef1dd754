package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/watchbill/watchbill/test/github"
	"github.com/watchbill/watchbill/test/stack"
)

// webhookTries are pushes to a pull request, each told by a webhook.
const webhookTries = 15

// benchWebhook takes the example's pull request from the webhook to the status
// on its head. On the way are git, the judge of GitHub's API and its stand-in.
func benchWebhook(ctx context.Context, s *stack.Stack, forge *stack.GitHub, out figures, log io.Writer) error {
	if forge.Server == nil {
		fmt.Fprintln(log, "webhook to status: not on a cluster that is not ours")
		return nil
	}
	var took []float64
	for n := range webhookTries {
		if err := s.Repo.Write(changedFile, ruleText(1000+n)); err != nil {
			return err
		}
		head, err := s.Propose(ctx, forge, github.Pull{Number: 1}, fmt.Sprintf("bench: proposal %d", n+1))
		if err != nil {
			return err
		}
		began := time.Now()
		status, answer, err := s.Hook(ctx, "pull_request", stack.HookSecret, func(payload map[string]any) {
			payload["action"], payload["number"] = "synchronize", 1
			payload["pull_request"].(map[string]any)["number"] = 1
		})
		if err != nil || status != 202 {
			return fmt.Errorf("deliver a webhook: %d %s: %w", status, answer, err)
		}
		err = forge.Await(ctx, func() bool { return forge.Repository.Status(head, "watchbill/validate").State == "success" })
		if err != nil {
			return fmt.Errorf("wait for the status of a pull request: %w", err)
		}
		took = append(took, time.Since(began).Seconds())
		fmt.Fprintf(log, "webhook to watchbill/validate: %.3f s\n", took[n])
		// The rest of the answer is none of the figure, and must not be in the next one.
		marker := fmt.Sprintf("%d", 1000+n+1)
		err = forge.Await(ctx, func() bool {
			comments := forge.Repository.Comments(1)
			return len(comments) == 1 && strings.Contains(comments[0].Body, marker)
		})
		if err != nil {
			return fmt.Errorf("wait for the comment on a pull request: %w", err)
		}
	}
	if violations := forge.Violations(); len(violations) > 0 {
		return fmt.Errorf("GitHub's description does not allow what was said: %s", violations[0])
	}
	out["webhook_to_validate_status_median_seconds"] = median(took)
	return nil
}
