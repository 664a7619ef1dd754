package forge

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is a Forge that writes down what it is told.
type told struct {
	Forge
	statusErr, deployErr error
	heard                []string
}

func (f *told) Report(_ context.Context, s Status) error {
	f.heard = append(f.heard, "status "+s.Context+" "+string(s.State))
	return f.statusErr
}

func (f *told) Deploy(_ context.Context, d Deployment) error {
	f.heard = append(f.heard, "deployment "+d.Environment+" "+string(d.State)+" "+d.Commit+" "+d.Text)
	return f.deployErr
}

func TestDeployments(t *testing.T) {
	away := errors.New("away")
	prod := Status{Commit: "c1", Context: "watchbill/prod", Environment: "prod", State: Success, Text: "live"}
	for _, c := range []struct {
		name   string
		status Status
		forge  told
		want   []string
		err    error
	}{
		{"environment", prod, told{}, []string{"status watchbill/prod success", "deployment prod success c1 live"}, nil},
		{"no environment", Status{Commit: "c1", Context: "watchbill/validate", State: Failure}, told{}, []string{"status watchbill/validate failure"}, nil},
		{"no deployments there", prod, told{deployErr: ErrUnsupported}, []string{"status watchbill/prod success", "deployment prod success c1 live"}, nil},
		{"deployment fails", prod, told{deployErr: away}, []string{"status watchbill/prod success", "deployment prod success c1 live"}, away},
		{"status fails", prod, told{statusErr: away}, []string{"status watchbill/prod success"}, away},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Deployments{&c.forge}.Report(t.Context(), c.status)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("Report: %v; want %v", err, c.err)
			}
			if diff := cmp.Diff(c.want, c.forge.heard); diff != "" {
				t.Error(diff)
			}
		})
	}
}
