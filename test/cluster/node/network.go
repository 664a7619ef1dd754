package node

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// connect sets up the network namespace: loopback, the node's address on a bridge that nothing else is attached to, and
// a route for the services. There is no way out, so no packet leaves.
func connect() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "node"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add a bridge: %w", err)
	}
	address := &net.IPNet{IP: net.ParseIP(Address), Mask: net.CIDRMask(32, 32)}
	if err := netlink.AddrAdd(bridge, &netlink.Addr{IPNet: address}); err != nil {
		return fmt.Errorf("add %s: %w", address, err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("set the bridge up: %w", err)
	}
	// kube-proxy translates a service's address, but only of a packet that has some route to begin with.
	_, services, err := net.ParseCIDR(Services)
	if err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: bridge.Attrs().Index, Dst: services, Src: address.IP, Scope: netlink.SCOPE_LINK}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route %s: %w", services, err)
	}
	if err := prohibit(); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// prohibit refuses what is meant for anywhere else. Without it a connection to the outside would hang until it times out;
// this is the one refusal that TCP takes at its word at once.
func prohibit() error {
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	if err := netlink.RouteAdd(&netlink.Route{Dst: everywhere, Type: unix.RTN_PROHIBIT}); err != nil {
		return fmt.Errorf("prohibit all other routes: %w", err)
	}
	return nil
}
