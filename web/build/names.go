package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hashPart is what esbuild's [hash] puts into a name; the server keeps files of such names for ever.
var hashPart = regexp.MustCompile(`-[A-Z2-7]{8}(\.[a-z]+)$`)

func unhashed(name string) string { return hashPart.ReplaceAllString(name, "$1") }

// hashed is a name with its content's hash in it.
func hashed(name string, content []byte) string {
	sum := sha256.Sum256(content)
	extension := filepath.Ext(name)
	return strings.TrimSuffix(name, extension) + "-" + base32.StdEncoding.EncodeToString(sum[:5]) + extension
}

// isMade tells of what make wasm has left, under whatever name, and of its compressed copy.
func isMade(name string) bool {
	plain := unhashed(strings.TrimSuffix(name, ".br"))
	return plain == "engine.wasm" || plain == "preflight.json"
}

// nameMade names a file that make wasm has left by its content: the guest, or what devices are examined with.
func nameMade(base, extension string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dist, base+"*"+extension))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s holds %d of %s%s, want one: run make wasm", dist, len(found), base, extension)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	name := hashed(base+extension, data)
	return name, os.Rename(found[0], filepath.Join(dist, name))
}

// copyPublic copies what is served as it is: pictures by their content's name, for which served gets an entry each.
func copyPublic(served map[string]string) error {
	folder := filepath.Join(source, "public")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		name := e.Name()
		if slices.Contains([]string{".svg", ".png"}, filepath.Ext(name)) {
			name = hashed(name, data)
		}
		served[e.Name()] = name
		if err := os.WriteFile(filepath.Join(dist, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeExpanded writes a file of web with {{NAME}} replaced by the address of what was built from NAME. Pages keep their names.
func writeExpanded(name string, served map[string]string) error {
	text, err := os.ReadFile(filepath.Join(source, name))
	if err != nil {
		return err
	}
	for from, to := range served {
		text = bytes.ReplaceAll(text, []byte("{{"+from+"}}"), []byte("/"+to))
	}
	if bytes.Contains(text, []byte("{{")) {
		return errors.New(name + " names a file that was not built")
	}
	served[name] = name
	if filepath.Ext(name) != ".html" {
		served[name] = hashed(name, text)
	}
	return os.WriteFile(filepath.Join(dist, served[name]), text, 0o644)
}

// listShell lists what the page consists of, paths with the SHA-256 of what is there. Weights are no part of it.
func listShell() (map[string]string, error) {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return nil, err
	}
	shell := map[string]string{}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{".br", ".ts"}, filepath.Ext(e.Name())) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dist, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		path := "/" + e.Name()
		if e.Name() == "index.html" {
			path = "/"
		}
		shell[path] = hex.EncodeToString(sum[:])
	}
	return shell, nil
}
