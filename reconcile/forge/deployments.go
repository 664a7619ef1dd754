package forge

import (
	"context"
	"errors"
)

// Deployments is a Reporter that shows the status of an environment as a
// deployment too, where the forge has such a thing.
type Deployments struct{ Forge }

// Report implements Reporter. The status goes first; a deployment that the forge
// does not take is no error.
func (d Deployments) Report(ctx context.Context, s Status) error {
	err := d.Forge.Report(ctx, s)
	if err != nil || s.Environment == "" {
		return err
	}
	err = d.Deploy(ctx, Deployment{Commit: s.Commit, Environment: s.Environment, State: s.State, Text: s.Text, URL: s.URL})
	if errors.Is(err, ErrUnsupported) {
		return nil
	}
	return err
}
