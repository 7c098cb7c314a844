package weights

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	indexFile         = "model.safetensors.index.json"
	singleFile        = "model.safetensors"
	safetensorsExt    = ".safetensors"
	maxIndexSize      = 64 << 20
	maxSafetensors    = 4096 // files of one checkpoint
	maxFileNameLength = 255
)

// OpenSafetensors opens a checkpoint: a *.safetensors file, an index
// (model.safetensors.index.json) or a folder. Of a folder the files are read that
// its index names, or model.safetensors, or where there is neither, all
// *.safetensors files: others beside them are copies in another layout. What the
// files hold counts, not what the index says of them. The caller closes the inventory.
func OpenSafetensors(path string) (*Inventory, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	switch {
	case info.IsDir():
		return openFolder(path)
	case strings.HasSuffix(path, ".json"):
		return openIndex(path)
	default:
		return openFiles(path, []string{path})
	}
}

func openFolder(dir string) (*Inventory, error) {
	index := filepath.Join(dir, indexFile)
	if _, err := os.Stat(index); err == nil {
		return openIndex(index)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("weights: %w", err)
	}
	single := filepath.Join(dir, singleFile)
	if _, err := os.Stat(single); err == nil {
		return openFiles(dir, []string{single})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("weights: %w", err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	var files []string
	for _, e := range list {
		if strings.HasSuffix(e.Name(), safetensorsExt) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("weights: %s: no %s file in the folder", dir, safetensorsExt)
	}
	return openFiles(dir, files)
}

func openIndex(path string) (*Inventory, error) {
	data, err := readFileLimited(path, maxIndexSize)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if err := CheckContent(data); err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	files, err := IndexFiles(data)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	for i, name := range files {
		files[i] = filepath.Join(filepath.Dir(path), name)
	}
	return openFiles(path, files)
}

// openFiles merges the tensors of several files.
func openFiles(name string, files []string) (inv *Inventory, err error) {
	if len(files) > maxSafetensors {
		return nil, fmt.Errorf("weights: %s: %d files, more than %d", name, len(files), maxSafetensors)
	}
	var opened Inventory // collects the files, to close them on failure
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	var tensors []SourceTensor
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("weights: %w", err)
		}
		opened.closers = append(opened.closers, f)
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("weights: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("weights: %s: not a regular file", path)
		}
		list, err := readSafetensors(path, f, info.Size())
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, list...)
	}
	inv, err = NewInventory(name, tensors)
	if err != nil {
		return nil, err
	}
	inv.closers = opened.closers
	return inv, nil
}

// IndexFiles lists the base names of the files that an index's weight_map names.
func IndexFiles(data []byte) ([]string, error) {
	s, err := newScanner(data)
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	err = s.object(func(key string) error {
		if key != "weight_map" {
			var ignored any
			return s.Decode(&ignored)
		}
		return s.object(func(tensor string) error {
			file, err := s.str()
			if err != nil {
				return fmt.Errorf("tensor %.200q: %w", tensor, err)
			}
			if !validFileName(file) {
				return fmt.Errorf("tensor %.200q: %.300q is not the plain name of a %s file", tensor, file, safetensorsExt)
			}
			files[file] = true
			return nil
		})
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && len(files) == 0 {
		err = errors.New("weight_map is missing or empty")
	}
	return slices.Sorted(maps.Keys(files)), err
}

// CheckContent refuses what stands in place of a file of a checkpoint by mistake, seen by how it begins.
func CheckContent(head []byte) error {
	switch head := bytes.TrimSpace(head); {
	case bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/")):
		return errors.New("this is a Git LFS pointer, not the file it stands for: run git lfs pull in its folder, or download the file itself")
	case len(head) > 1 && head[0] == '<' && (head[1] == '!' || head[1] == '?' || head[1]|0x20 >= 'a' && head[1]|0x20 <= 'z'):
		return errors.New("this is a web page, not the file: the download went wrong or wants a login")
	}
	return nil
}

func validFileName(name string) bool {
	return strings.HasSuffix(name, safetensorsExt) && len(name) > len(safetensorsExt) && len(name) <= maxFileNameLength &&
		!strings.ContainsAny(name, "/\\:\x00") && name[0] != '.'
}

// readFileLimited reads a file whole unless it is longer than limit.
func readFileLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
