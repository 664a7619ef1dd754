package components

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

// coreDNS runs CoreDNS with the few plugins that a cluster without the internet needs. CoreDNS asks its plugins in the
// order of dnsserver.Directives, whatever order its configuration names them in.
func coreDNS([]string) int {
	dnsserver.Directives = []string{"bind", "errors", "kubernetes", "template"}
	coremain.Run()
	return 0
}
