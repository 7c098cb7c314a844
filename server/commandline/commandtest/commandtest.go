// Package commandtest checks what a command line led to, for the tests of tabseek and of tabseek-headless.
package commandtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An Outcome is what a command line led to.
type Outcome struct {
	Status         int
	Stdout, Stderr string
}

// RequireFailure demands the exit status, nothing on stdout, and one line on stderr that begins with the command (its
// program and its name) and says want.
func (o Outcome) RequireFailure(t testing.TB, status int, command, want string) {
	t.Helper()
	require.Equal(t, status, o.Status, "stderr: %s", o.Stderr)
	require.Empty(t, o.Stdout)
	line, ok := strings.CutSuffix(o.Stderr, "\n")
	require.True(t, ok && !strings.Contains(line, "\n"), "want one line: %q", o.Stderr)
	require.True(t, strings.HasPrefix(line, command+": "), "%q", line)
	require.Contains(t, line, want)
}

// RequireUsage demands exit status 2, nothing on stdout, and one line on stderr that says want, or all of usage if want is
// empty.
func (o Outcome) RequireUsage(t testing.TB, usage, want string) {
	t.Helper()
	require.Equal(t, 2, o.Status, o.Stderr)
	require.Empty(t, o.Stdout)
	if want == "" {
		require.Equal(t, usage, o.Stderr)
		return
	}
	require.Equal(t, 1, strings.Count(o.Stderr, "\n"), o.Stderr)
	require.Contains(t, o.Stderr, want)
}
