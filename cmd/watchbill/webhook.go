package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

// webhookFlags say where deliveries of GitHub's webhook come in.
type webhookFlags struct {
	listen, secretFile string
	proxies            []string
}

func (f *webhookFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "webhook-listen", "", "address that GitHub's webhook is posted to, at /hooks/github, e.g. :9534; empty for none")
	flags.StringVar(&f.secretFile, "webhook-secret-file", "", "file with the webhook's secret, read anew each time; while it is rotated, two of them, one a line")
	flags.StringSliceVar(&f.proxies, "webhook-trusted-proxies", nil, "networks of the proxies before the webhook, as CIDR, whose X-Forwarded-For is believed; without it, all that comes through a proxy counts as one sender")
}

func (f *webhookFlags) check() error {
	var faults []error
	if (f.listen == "") != (f.secretFile == "") {
		faults = append(faults, errors.New("--webhook-listen and --webhook-secret-file need each other: what is not signed is not taken"))
	}
	_, err := f.networks()
	return errors.Join(append(faults, err)...)
}

func (f *webhookFlags) networks() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range f.proxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--webhook-trusted-proxies %q: use networks such as 10.0.0.0/8", text)
		}
		out = append(out, network)
	}
	return out, nil
}

// open has the daemon listen, if it is to. A secret that is not there is said
// now rather than at the first delivery.
func (f *webhookFlags) open(to *reconcile.Options, repo github.Repo, branch string, log *slog.Logger) error {
	secrets := github.SecretFile(f.secretFile)
	if _, err := secrets(); err != nil {
		return err
	}
	networks, err := f.networks()
	if err != nil {
		return err
	}
	to.Hook = &github.Webhook{Secrets: secrets, Owner: repo.Owner, Name: repo.Name, Log: log}
	to.HookListen, to.HookProxies, to.HookBranch = f.listen, networks, branch
	return nil
}
