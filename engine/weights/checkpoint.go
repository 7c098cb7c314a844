package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	indexFile         = "model.safetensors.index.json"
	safetensorsExt    = ".safetensors"
	maxIndexSize      = 64 << 20
	maxSafetensors    = 4096 // files of one checkpoint
	maxFileNameLength = 255
)

// OpenSafetensors opens a checkpoint: a *.safetensors file, an index
// (model.safetensors.index.json) or a folder. A folder is read by its index if
// it has one, and else as all its *.safetensors files. The caller closes the
// inventory.
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
		return openFiles(path, []string{path}, nil)
	}
}

func openFolder(dir string) (*Inventory, error) {
	index := filepath.Join(dir, indexFile)
	if _, err := os.Stat(index); err == nil {
		return openIndex(index)
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
	return openFiles(dir, files, nil)
}

func openIndex(path string) (*Inventory, error) {
	data, err := readFileLimited(path, maxIndexSize)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	weightMap, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	names := map[string]bool{}
	for _, file := range weightMap {
		names[file] = true
	}
	var files []string
	for name := range names {
		files = append(files, filepath.Join(dir, name))
	}
	slices.Sort(files)
	return openFiles(path, files, weightMap)
}

// openFiles merges the tensors of several files. With weightMap (tensor name to
// base name of its file) the files must hold exactly what it says.
func openFiles(name string, files []string, weightMap map[string]string) (inv *Inventory, err error) {
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
	if weightMap != nil {
		if err := checkIndex(name, tensors, weightMap); err != nil {
			return nil, err
		}
	}
	inv.closers = opened.closers
	return inv, nil
}

func checkIndex(name string, tensors []SourceTensor, weightMap map[string]string) error {
	for i := range tensors {
		t := &tensors[i]
		file, ok := weightMap[t.Name]
		if !ok {
			return t.errorf("not in the index")
		}
		if file != filepath.Base(t.File) {
			return t.errorf("the index says it lies in %s", file)
		}
	}
	if len(tensors) == len(weightMap) {
		return nil
	}
	found := make(map[string]bool, len(tensors))
	for i := range tensors {
		found[tensors[i].Name] = true
	}
	var missing []string
	for tensor := range weightMap {
		if !found[tensor] {
			missing = append(missing, tensor)
		}
	}
	slices.Sort(missing)
	return fmt.Errorf("weights: %s: tensor %s: not in %s", name, missing[0], weightMap[missing[0]])
}

// parseIndex reads weight_map, from tensor names to base names of files.
func parseIndex(data []byte) (map[string]string, error) {
	s, err := newScanner(data)
	if err != nil {
		return nil, err
	}
	var weightMap map[string]string
	err = s.object(func(key string) error {
		if key != "weight_map" {
			var ignored any
			return s.Decode(&ignored)
		}
		weightMap = map[string]string{}
		return s.object(func(tensor string) error {
			file, err := s.str()
			if err != nil {
				return fmt.Errorf("tensor %.200q: %w", tensor, err)
			}
			if !validFileName(file) {
				return fmt.Errorf("tensor %.200q: %.300q is not the plain name of a %s file", tensor, file, safetensorsExt)
			}
			if len(weightMap) == maxSourceTensors {
				return fmt.Errorf("more than %d tensors", maxSourceTensors)
			}
			weightMap[tensor] = file
			return nil
		})
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && len(weightMap) == 0 {
		err = errors.New("weight_map is missing or empty")
	}
	return weightMap, err
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
