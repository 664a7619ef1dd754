package render

import (
	"cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// image is a component's, in the version that the repo chooses or else in the default one.
type image struct {
	name, version string
}

func imageOf(c, defaults repolayout.Component) image {
	return image{name: cmp.Or(c.Image, defaults.Image), version: cmp.Or(c.Version, defaults.Version)}
}

func prometheusImage(repo *repolayout.Repo) image {
	return imageOf(repo.Stack.Components.Prometheus, repolayout.DefaultStack().Components.Prometheus)
}

func alertmanagerImage(repo *repolayout.Repo) image {
	return imageOf(repo.Stack.Components.Alertmanager, repolayout.DefaultStack().Components.Alertmanager)
}

func thanosImage(repo *repolayout.Repo) image {
	return imageOf(repo.Stack.Components.Thanos, repolayout.DefaultStack().Components.Thanos)
}

func grafanaImage(repo *repolayout.Repo) image {
	return imageOf(repo.Stack.Components.Grafana, repolayout.DefaultStack().Components.Grafana)
}

// tagged is the image with its tag, a v before the version as those of Prometheus and Thanos have it.
func (i image) tagged() string { return i.name + ":v" + i.version }

// plain is the image with a tag without that v, as Grafana's has it.
func (i image) plain() string { return i.name + ":" + i.version }
