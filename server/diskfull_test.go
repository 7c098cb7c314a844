//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// limited marks the process that runs a command under a limit on the size of files; its value is the arguments.
const limited = "TABSEEK_TEST_LIMITED"

func TestMain(m *testing.M) {
	if args := os.Getenv(limited); args != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 8 << 10, Max: 8 << 10}); err != nil {
			panic(err)
		}
		os.Exit(run(context.Background(), strings.Split(args, "\n"), nil, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// commandOnFullDisk runs a command in a process whose files may not grow past 8 KiB. To a writer that is like a disk
// that fills up: it fails half-way.
func commandOnFullDisk(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), limited+"="+strings.Join(args, "\n"))
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return outcome{Status: c.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

func TestPackOnAFullDisk(t *testing.T) {
	src, old := checkpointWith(t, nil), packTiny(t)
	parent := t.TempDir()
	requireFailure(t, commandOnFullDisk(t, "pack", src, filepath.Join(parent, "model")), 1, "pack", "file too large")
	requireEmpty(t, parent)

	requireFailure(t, commandOnFullDisk(t, "pack", src, old, "--quant", "q8", "--force"), 1, "pack", "file too large")
	require.Zero(t, command("", "verify", old).Status, "the old model is whole")
	siblings, err := os.ReadDir(filepath.Dir(old))
	require.NoError(t, err)
	require.Len(t, siblings, 1)
}

// pull leaves what pack does: nothing, and an old model as it was.
func TestPullOnAFullDisk(t *testing.T) {
	h := newBadHub(t, filesOf(t, checkpointWith(t, nil)))
	old, parent := packTiny(t), t.TempDir()
	o := commandOnFullDisk(t, "pull", "lab/tiny", filepath.Join(parent, "model"), "--hub", h.hub.URL)
	requireFailure(t, lastLine(o), 1, "pull", "file too large")
	requireEmpty(t, parent)

	o = commandOnFullDisk(t, "pull", "lab/tiny", old, "--hub", h.hub.URL, "--quant", "q8", "--force")
	requireFailure(t, lastLine(o), 1, "pull", "file too large")
	require.Zero(t, command("", "verify", old).Status, "the old model is whole")
	siblings, err := os.ReadDir(filepath.Dir(old))
	require.NoError(t, err)
	require.Len(t, siblings, 1)
}

// lastLine leaves what a command says of its progress out.
func lastLine(o outcome) outcome {
	lines := strings.Split(strings.TrimSuffix(o.Stderr, "\n"), "\n")
	o.Stderr = lines[len(lines)-1] + "\n"
	return o
}
