// Package nativegpu is a gpu.Device on Vulkan, through github.com/cogentcore/webgpu (wgpu-native). It is the only
// importer of that binding.
package nativegpu

import "errors"

// Options for Open.
type Options struct {
	// Minimum asks for WebGPU's default limits, whatever the adapter could do: the profile everything must run on.
	Minimum bool
}

// ErrNoAdapter tells that the machine has no usable GPU driver.
var ErrNoAdapter = errors.New("nativegpu: no GPU adapter (on Debian, mesa-vulkan-drivers brings a software one)")
