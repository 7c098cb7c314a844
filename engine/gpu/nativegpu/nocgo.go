//go:build !cgo

package nativegpu

import (
	"errors"

	"tabseek/engine/gpu"
)

// A Device cannot be had in a build without cgo.
type Device struct{ gpu.Device }

// Open tells that this build cannot reach a GPU.
func Open(Options) (*Device, error) {
	return nil, errors.New("nativegpu: built without cgo, which reaching a GPU needs")
}
