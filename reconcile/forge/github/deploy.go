package github

import (
	"context"
	"errors"
	"strings"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

type deploymentKey struct{ commit, environment string }

// shownDeployment is a deployment of ours and the newest of its statuses.
type shownDeployment struct {
	id               int64
	state, text, url string
}

// shows says whether there is nothing to add. GitHub gives back a URL of its own
// where there is none.
func (d shownDeployment) shows(want shownDeployment) bool {
	return d.state == want.state && d.text == want.text && (d.url == want.url || want.url == "")
}

const (
	deployRight = `"Deployments: write"`
	// deployTask tells our deployments from those of others.
	deployTask = "deploy:watchbill"
)

var deployStates = map[forge.State]string{
	forge.Pending: "in_progress", forge.Success: "success", forge.Failure: "failure", forge.Error: "error",
}

// Deploy implements forge.Forge with one deployment for each commit and
// environment, and a deployment status for each change.
func (c *Client) Deploy(ctx context.Context, d forge.Deployment) error {
	state, known := deployStates[d.State]
	if !known || d.Commit == "" || d.Environment == "" {
		return errors.New("showing a deployment: it needs a commit, an environment and a state")
	}
	if err := c.may(deployRight); err != nil {
		return err
	}
	doing := "showing the deployment of " + d.Commit + " in " + d.Environment
	end, err := c.begin(ctx, doing)
	if err != nil {
		return err
	}
	defer end()
	place := deploymentKey{d.Commit, d.Environment}
	want := shownDeployment{state: state, text: cut(basic(d.Text), maxText), url: link(d.URL)}
	have, ok := c.deployments.load(place)
	if ok && have.shows(want) {
		return nil
	}
	if err := c.spare(doing); err != nil {
		return err
	}
	if !ok {
		if have, err = c.findDeployment(ctx, place); err != nil {
			return c.unsupported(doing, deployRight, err)
		}
	}
	if have.shows(want) {
		c.deployments.store(place, have)
		return nil
	}
	want.id = have.id
	if err := c.advance(ctx, place, want); err != nil {
		c.deployments.drop(place) // it may have come through all the same
		return c.unsupported(doing, deployRight, err)
	}
	return nil
}

// findDeployment asks for the deployment of a commit in an environment; the zero
// value says that there is none.
func (c *Client) findDeployment(ctx context.Context, place deploymentKey) (shownDeployment, error) {
	list, _, err := c.api.Repositories.ListDeployments(ctx, c.repo.Owner, c.repo.Name, &gh.DeploymentsListOptions{
		SHA: place.commit, Task: deployTask, Environment: place.environment,
	})
	if err != nil || len(list) == 0 {
		return shownDeployment{}, err
	}
	found := shownDeployment{id: list[0].GetID()}
	statuses, _, err := c.api.Repositories.ListDeploymentStatuses(ctx, c.repo.Owner, c.repo.Name, found.id, &gh.ListOptions{PerPage: 1})
	if err == nil && len(statuses) > 0 {
		newest := statuses[0]
		found.state, found.text, found.url = newest.GetState(), newest.GetDescription(), newest.GetLogURL()
	}
	return found, err
}

// advance writes a status, after the deployment itself where there is none.
func (c *Client) advance(ctx context.Context, place deploymentKey, want shownDeployment) error {
	production := isProduction(place.environment)
	if want.id == 0 {
		made, _, err := c.api.Repositories.CreateDeployment(ctx, c.repo.Owner, c.repo.Name, gh.DeploymentRequest{
			Ref: place.commit, Task: new(deployTask), Environment: &place.environment, ProductionEnvironment: &production,
			// It runs already, or is about to: nothing is merged for it, and no check is waited for.
			AutoMerge: new(false), RequiredContexts: []string{},
		})
		if err != nil {
			return err
		}
		want.id = made.GetID()
	}
	_, _, err := c.api.Repositories.CreateDeploymentStatus(ctx, c.repo.Owner, c.repo.Name, want.id, gh.DeploymentStatusRequest{
		State: want.state, Description: &want.text, LogURL: optional(want.url), Environment: &place.environment, AutoInactive: new(true),
	})
	if err != nil {
		return err
	}
	if want.state == "success" {
		// GitHub makes the others of this environment inactive.
		c.deployments.forget(func(k deploymentKey) bool { return k.environment == place.environment })
	}
	c.deployments.store(place, want)
	return nil
}

// isProduction goes by the name, as GitHub does with "production".
func isProduction(environment string) bool {
	name := strings.ToLower(environment)
	return name == "live" || strings.HasPrefix(name, "prod") || strings.HasSuffix(name, "-prod") || strings.HasSuffix(name, "-production")
}
