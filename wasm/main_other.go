//go:build !wasip1

// Command wasm is the guest; it is built for wasip1 only (see main.go and the Makefile).
package main

func main() { panic("build with GOOS=wasip1 GOARCH=wasm -buildmode=c-shared") }
