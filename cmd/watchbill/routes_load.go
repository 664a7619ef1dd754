package main

import (
	"fmt"
	"io/fs"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func newRouter() *build.Router { return build.NewRouter(build.New(render.Options{})) }

// openRouting reads the folder that args name, for one environment or for each.
func openRouting(io streams, args []string, environment string) ([]*build.Routing, error) {
	fsys, err := openFolder(args)
	if err != nil {
		return nil, err
	}
	router := newRouter()
	repo, err := loadRouted(io, router, fsys)
	if err != nil {
		return nil, err
	}
	return router.Routing(repo, environment)
}

// loadRouted reads a repo of which it can be said where alerts go; what keeps it
// from that is printed.
func loadRouted(io streams, router *build.Router, fsys fs.FS) (*repolayout.Repo, error) {
	repo, errors := router.Load(fsys)
	if len(errors) > 0 {
		if err := printFindings(streams{io.in, io.err, io.err}, "text", fsys, errors); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the repo has errors, and where its alerts go is not known")
	}
	return repo, nil
}
