package main

import (
	"fmt"
	"syscall"
)

// checkSpace says before a long transfer that its result will not fit.
func checkSpace(dir string, bytes int64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return nil // then the disk itself will say so
	}
	if free := int64(s.Bavail) * s.Bsize; free < bytes {
		return fmt.Errorf("%s: %s are free, %s are needed: %w", dir, humanBytes(free), humanBytes(bytes), syscall.ENOSPC)
	}
	return nil
}
