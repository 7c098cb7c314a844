//go:build cgo

package nativegpu

import "time"

// SetSilence shortens the time after which a device counts as lost.
func SetSilence(d time.Duration) (restore func()) {
	before := silence
	silence = d
	return func() { silence = before }
}
