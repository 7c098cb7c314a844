package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/message"
)

// The generated files are kept in the repository: pages are built without running Go's generator.
func TestFilesAreUpToDate(t *testing.T) {
	files, err := generate("../../..")
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date: run go generate ./engine/message", name)
	}
}

// The golden requests are read as they were written.
func TestGoldenRequests(t *testing.T) {
	for _, want := range requests() {
		text, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := message.ParseRequest(text)
		require.NoError(t, err, string(text))
		require.Equal(t, want, got)
	}
}

// Whatever field a struct has, some golden example sets it.
func TestGoldensHaveEveryField(t *testing.T) {
	for name, list := range map[string][]any{"Request": requests(), "Event": events()} {
		set := map[string]bool{}
		for _, v := range list {
			note(set, name, reflect.ValueOf(v))
		}
		for field, ok := range set {
			require.True(t, ok, field)
		}
	}
}

func note(set map[string]bool, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(set, path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(set, path, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Tag.Get("json") == "-" {
				continue
			}
			name := path + "." + f.Name
			set[name] = set[name] || !v.Field(i).IsZero()
			note(set, name, v.Field(i))
		}
	}
}
