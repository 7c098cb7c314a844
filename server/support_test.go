package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/weights"
	"tabseek/server/commandline/commandtest"
)

type outcome = commandtest.Outcome

// command runs a command line with an input.
func command(input string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), args, strings.NewReader(input), &stdout, &stderr)
	return outcome{Status: status, Stdout: stdout.String(), Stderr: stderr.String()}
}

// requireFailure demands a failure of the command of that name.
func requireFailure(t *testing.T, o outcome, status int, name, want string) {
	t.Helper()
	o.RequireFailure(t, status, "tabseek "+name, want)
}

// checkpointWith writes the small random checkpoint into a folder of its own, after a change.
func checkpointWith(t *testing.T, change func(*enginetest.Checkpoint)) string {
	t.Helper()
	c, err := enginetest.Tiny(1)
	require.NoError(t, err)
	if change != nil {
		change(c)
	}
	dir := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, c.Write(dir, 1))
	return dir
}

// packTiny packs the small random checkpoint; the model is called tiny.
func packTiny(t *testing.T) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "tiny")
	o := command("", "pack", checkpointWith(t, nil), dst)
	require.Zero(t, o.Status, o.Stderr)
	return dst
}

// shardsOf lists the paths of a packed model's shards.
func shardsOf(t *testing.T, model string) []string {
	t.Helper()
	m, err := weights.OpenModel(model)
	require.NoError(t, err)
	var paths []string
	for _, s := range m.Shards {
		paths = append(paths, filepath.Join(model, s.File))
	}
	require.NotEmpty(t, paths)
	return paths
}

// rewrite changes a file of a model.
func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, change(data), 0o644))
}

// replacing replaces the first occurrence, which must be there.
func replacing(t *testing.T, old, new string) func([]byte) []byte {
	return func(data []byte) []byte {
		require.Contains(t, string(data), old)
		return bytes.Replace(data, []byte(old), []byte(new), 1)
	}
}
