//go:build !linux

package main

// checkSpace knows nothing here: the disk itself will say that it is full.
func checkSpace(string, int64) error { return nil }
