package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const ggufExt = ".gguf"

// splitName is how the parts of a split model are called.
var splitName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// Keys of a split model's parts.
const (
	splitNumberKey  = "split.no"
	splitCountKey   = "split.count"
	splitTensorsKey = "split.tensors.count"
	maxSplits       = 1024
)

// IsGGUF tells a GGUF file by its name or its content.
func IsGGUF(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return false
	}
	if isGGUFName(path) {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(ggufMagic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == ggufMagic
}

func isGGUFName(name string) bool { return strings.EqualFold(filepath.Ext(name), ggufExt) }

// OpenGGUF opens a GGUF file; of a model that is split into several, any of them. The metadata is the first file's.
// The caller closes the inventory.
func OpenGGUF(path string) (metadata *Metadata, inv *Inventory, err error) {
	var opened Inventory // collects the files, to close them on failure
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	read := func(path string) (*Metadata, []SourceTensor, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, fmt.Errorf("weights: %w", err)
		}
		opened.closers = append(opened.closers, f)
		info, err := f.Stat()
		if err != nil {
			return nil, nil, fmt.Errorf("weights: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, nil, fmt.Errorf("weights: %s: not a regular file", path)
		}
		return readGGUF(path, f, info.Size())
	}
	metadata, tensors, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	count := metadata.Int(splitCountKey)
	if err := metadata.Err(); err != nil {
		return nil, nil, err
	}
	if count > 1 {
		if metadata, tensors, err = readSplits(path, count, read); err != nil {
			return nil, nil, err
		}
	}
	if inv, err = NewInventory(path, tensors); err != nil {
		return nil, nil, err
	}
	inv.closers = opened.closers
	return metadata, inv, nil
}

// readSplits reads all parts of a split model, of which one is known.
func readSplits(path string, count int, read func(string) (*Metadata, []SourceTensor, error)) (*Metadata, []SourceTensor, error) {
	fail := func(path, format string, args ...any) (*Metadata, []SourceTensor, error) {
		return nil, nil, fmt.Errorf("weights: %s: %w", path, fmt.Errorf(format, args...))
	}
	name := splitName.FindStringSubmatch(filepath.Base(path))
	if name == nil || name[3] != fmt.Sprintf("%05d", count) {
		return fail(path, "one of %d files of a split model, but not called NAME-00001-of-%05d%s", count, count, ggufExt)
	}
	if count > maxSplits {
		return fail(path, "split into %d files, more than %d", count, maxSplits)
	}
	var first *Metadata
	var all []SourceTensor
	for i := range count {
		part := filepath.Join(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%05d%s", name[1], i+1, count, ggufExt))
		metadata, tensors, err := read(part)
		if err != nil {
			return nil, nil, err
		}
		if number, of := metadata.Int(splitNumberKey), metadata.Int(splitCountKey); number != i || of != count {
			return fail(part, "says that it is part %d of %d", number+1, of)
		}
		if i == 0 {
			first = metadata
		}
		all = append(all, tensors...)
		if err := metadata.Err(); err != nil {
			return nil, nil, err
		}
	}
	if want := first.Int(splitTensorsKey); want != 0 && want != len(all) {
		return fail(path, "%d tensors in all parts, want %d", len(all), want)
	}
	return first, all, first.Err()
}

// ReadGGUFMetadata reads what a GGUF file says of its model; it may hold a vocabulary only.
func ReadGGUFMetadata(path string) (*Metadata, error) {
	metadata, inv, err := OpenGGUF(path)
	if err != nil {
		return nil, err
	}
	return metadata, errors.Join(inv.Close())
}
