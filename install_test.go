//go:build unix

package tabseek_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
)

// install runs .ci/install with commands of the test's own before those of the machine.
func install(t *testing.T, what string, commands map[string]string) (output string, err error) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range commands {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, ".ci/install", what)
	c.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	return string(out), err
}

// Another package manager at work is waited for, whichever of its locks it holds; and apt-get asks nothing, though sudo
// drops the environment. apt-get is the real one, on a system of the test's own where all is installed.
func TestInstallWaits(t *testing.T) {
	const aptGet = "/usr/bin/apt-get"
	_, err := os.Stat(aptGet)
	need.Have(t, need.Debian, err)
	architecture, err := exec.Command("dpkg", "--print-architecture").Output()
	require.NoError(t, err)
	for _, lock := range []string{"state/lists/lock", "dpkg/lock-frontend", "dpkg/lock", "cache/archives/lock"} {
		t.Run(lock, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, dir := range []string{"state/lists/partial", "dpkg/updates", "cache/archives/partial", "etc"} {
				require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
			}
			var status strings.Builder
			for _, p := range []string{"chromium", "firefox-esr", "fonts-dejavu-core", "curl"} {
				fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: %s\n\n", p, architecture[:len(architecture)-1])
			}
			require.NoError(t, os.WriteFile(filepath.Join(root, "dpkg", "status"), []byte(status.String()), 0o644))
			held, err := os.Create(filepath.Join(root, lock))
			require.NoError(t, err)
			defer held.Close()
			set := func(kind int16) error {
				return syscall.FcntlFlock(held.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: kind, Whence: io.SeekStart})
			}
			require.NoError(t, set(syscall.F_WRLCK))
			var released atomic.Bool
			done := make(chan error)
			go func() {
				time.Sleep(3 * time.Second)
				released.Store(true)
				done <- set(syscall.F_UNLCK)
			}()
			output, err := install(t, "browsers", map[string]string{
				"dpkg": "exit 1", // nothing is there, it says
				"id":   "echo 1000",
				"sudo": `exec env -i PATH="$PATH" "$@"`,
				"apt-get": fmt.Sprintf(`[ "$DEBIAN_FRONTEND" = noninteractive ] || { echo it may ask >&2; exit 1; }
exec %s -o Dir::State=%[2]s/state -o Dir::State::status=%[2]s/dpkg/status -o Dir::Cache=%[2]s/cache -o Dir::Etc=%[2]s/etc "$@"`, aptGet, root),
			})
			waited := released.Load()
			require.NoError(t, <-done)
			require.NoError(t, err, output)
			require.True(t, waited, "it did not wait: %s", output)
			require.Contains(t, output, "installing Debian packages: chromium firefox-esr fonts-dejavu-core curl\n")
		})
	}
}

// What cannot be installed, or not in a version that will do, is said in one line.
func TestInstallRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		what     string
		commands map[string]string
		want     string
	}{
		"an old Go":     {"go", map[string]string{"go": "echo go1.19.8"}, "go 1.19.8 is too old, 1.21 or later is needed: install Go from https://go.dev/dl\n"},
		"Debian's node": {"node", map[string]string{"npm": "", "node": "echo v18.20.4"}, "node 18.20.4 is too old, 20 or later is needed: Debian 12 has 18"},
		"nothing":       {"", nil, "usage: .ci/install go|"},
		"another error than a lock": {"browsers", map[string]string{
			"dpkg": "exit 1", "id": "echo 0", "apt-get": "echo 'E: no space left on the device' >&2; exit 100",
		}, "E: no space left on the device\n"},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := install(t, c.what, c.commands)
			require.Error(t, err)
			require.Contains(t, output, c.want)
		})
	}
	for version, what := range map[string]string{"go1.21": "go", "go1.26.8": "go"} {
		output, err := install(t, what, map[string]string{"go": "echo " + version})
		require.NoError(t, err, output)
	}
	output, err := install(t, "node", map[string]string{"npm": "", "node": "echo v20.0.0"})
	require.NoError(t, err, output)
}
