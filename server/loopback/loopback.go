// Package loopback tells what is said on this machine alone from what comes from others. A server that listens there
// answers only to local names: a foreign page whose name is made to point here still sends that name.
package loopback

import (
	"net"
	"strings"
)

// Address tells whether a server that listens at an address can be reached from this machine alone.
func Address(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Host tells whether a Host header names this machine.
func Host(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
