package hook

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// slots are how many may do something at the same time.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) release() { <-s }

// source is what one sender may still do.
type source struct {
	pace   *rate.Limiter
	bodies slots
}

// source finds the sender's. The one that was not seen for longest is forgotten
// for a new one.
func (s *Server) source(address netip.Addr) *source {
	network := networkOf(address)
	if known, ok := s.sources.Get(network); ok {
		return known
	}
	fresh := &source{pace: rate.NewLimiter(s.Rate, s.Burst), bodies: make(slots, max(s.MaxBodies/2, 1))}
	if known, ok, _ := s.sources.PeekOrAdd(network, fresh); ok {
		return known
	}
	return fresh
}

// networkOf tells senders apart: an IPv6 network of 64 bits is one's own to
// fill with addresses.
func networkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // all that have no address
	}
	return network
}

// admit says how long to wait; zero is now.
func (f *source) admit(now time.Time) time.Duration {
	if f.pace.AllowN(now, 1) {
		return 0
	}
	missing := 1 - f.pace.TokensAt(now)
	return max(time.Duration(math.Ceil(missing/float64(f.pace.Limit())))*time.Second, time.Second)
}

// fine takes what further deliveries would have cost, on credit if need be.
func (f *source) fine(now time.Time, deliveries int) {
	f.pace.ReserveN(now, min(deliveries, f.pace.Burst()))
}

// address is where a request comes from. A proxy's word is taken only from the
// proxies that were named: it is the last address in X-Forwarded-For that is
// none of theirs, for anyone may write what stands before it.
func (s *Server) address(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := peer.Addr().Unmap().WithZone("")
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(forwarded) {
		if !s.trusted(address) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = next.Unmap().WithZone("")
	}
	return address
}

func (s *Server) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
