package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"tabseek/engine/message"
	"tabseek/shaders"
	"tabseek/wasm/harness"
)

// openTuned opens a model with the profile that won before on this device with this engine and model, or lets the
// engine find it out and remembers it. On devices that are no GPU there is nothing to find out.
func openTuned(ctx context.Context, t target, o harness.Options) (*harness.Host, error) {
	if o.Profile != "" {
		return harness.Open(ctx, o)
	}
	if t.device != "native" {
		o.Profile = shaders.Minimum().String()
		return harness.Open(ctx, o)
	}
	file := profileFile(o)
	if data, err := os.ReadFile(file); err == nil {
		o.Profile = string(data)
	}
	host, err := harness.Open(ctx, o)
	var refused *message.Error
	if errors.As(err, &refused) && refused.Param == "profile" {
		o.Profile = ""
		host, err = harness.Open(ctx, o)
	}
	if err == nil && file != "" && host.Tuned() != "" {
		rememberProfile(file, host.Tuned())
	}
	return host, err
}

// profileFile is where the choice for a device, engine and model is kept; empty if there is no place.
func profileFile(o harness.Options) string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	manifest, err := fs.ReadFile(o.Model, "model.json")
	if err != nil {
		return ""
	}
	info := o.Device.Info()
	hash := sha256.New()
	for _, part := range [][]byte{[]byte(info.Name), []byte(info.Backend), o.Wasm, manifest} {
		sum := sha256.Sum256(part)
		hash.Write(sum[:])
	}
	return filepath.Join(folder, "tabseek", "profiles", hex.EncodeToString(hash.Sum(nil)[:16]))
}

// rememberProfile keeps a choice; if it cannot be kept it is found out again.
func rememberProfile(file, profile string) {
	if os.MkdirAll(filepath.Dir(file), 0o755) == nil {
		os.WriteFile(file, []byte(profile), 0o644)
	}
}
