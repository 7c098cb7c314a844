package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/web"
)

func TestSite(t *testing.T) {
	index, err := fs.ReadFile(web.Files(), "index.html")
	need.Have(t, need.Page, err)
	model := packTiny(t)
	dst := filepath.Join(t.TempDir(), "site")
	require.Zero(t, command("", "site", dst, "--models", model).Status)
	got, err := os.ReadFile(filepath.Join(dst, "index.html"))
	require.NoError(t, err)
	require.Equal(t, index, got)
	list, err := os.ReadFile(filepath.Join(dst, "models/index.json"))
	require.NoError(t, err)
	require.Contains(t, string(list), `"url":"/models/tiny"`)
	require.FileExists(t, filepath.Join(dst, "tabseek.js.br"))
	for _, shard := range shardsOf(t, model) {
		want, err := os.ReadFile(shard)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dst, "models/tiny", filepath.Base(shard)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	requireFailure(t, command("", "site", dst), 1, "site", "is there already")
	left, err := os.ReadDir(filepath.Dir(dst))
	require.NoError(t, err)
	require.Len(t, left, 1)
}
