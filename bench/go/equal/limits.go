package main

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	window  = time.Minute
	maxKeys = 100_000
)

// counter counts events per key in fixed windows.
type counter struct {
	mu      sync.Mutex
	windows *lru[counted]
	started time.Time
}

type counted struct {
	count  int64
	endsAt time.Duration
}

func newCounter() *counter {
	one := func(string) int { return 1 }
	return &counter{windows: newLRU[counted](maxKeys, maxKeys, one), started: time.Now()}
}

// check counts one event and refuses the ones above max.
func (c *counter) check(key string, max int64) *refusal {
	now := time.Since(c.started)
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.windows.get(key)
	if !ok || one.endsAt <= now {
		c.windows.set(key, counted{1, now + window})
		if max >= 1 {
			return nil
		}
		one, _ = c.windows.get(key)
	} else {
		one.count++
	}
	if one.count <= max {
		return nil
	}
	seconds := int64((one.endsAt - now + time.Second - 1) / time.Second)
	if seconds < 1 {
		seconds = 1
	}
	return &refusal{code: "rate_limited", retryAfter: seconds}
}

// networkOf is the key of an address: IPv6 by /64.
func networkOf(address netip.Addr) string {
	if !address.Is6() {
		return address.String()
	}
	prefix, _ := address.Prefix(64)
	return prefix.Addr().String()
}

func parsePrefixes(list string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "/") {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			prefixes = append(prefixes, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// parseAddress takes an address with or without a port.
func parseAddress(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(text)
	return address.Unmap().WithZone(""), err == nil
}

func (s *service) isTrusted(address netip.Addr) bool {
	for _, prefix := range s.trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// clientOf is the last address that no trusted proxy has, and whether the peer is a trusted proxy.
func (s *service) clientOf(r *http.Request) (netip.Addr, bool) {
	peer, _ := parseAddress(r.RemoteAddr)
	if len(s.trusted) == 0 || !s.isTrusted(peer) {
		return peer, false
	}
	forwarded := strings.Join(r.Header["X-Forwarded-For"], ",")
	for rest := forwarded; rest != ""; {
		at := strings.LastIndexByte(rest, ',')
		address, ok := parseAddress(strings.TrimSpace(rest[at+1:]))
		if !ok {
			return peer, true
		}
		if rest = rest[:at+1]; rest != "" {
			rest = rest[:at]
		}
		if rest == "" || !s.isTrusted(address) {
			return address, true
		}
	}
	return peer, true
}
